using System.Xml.Linq;
using MoeLora.Training.Reports.Charts;

namespace MoeLora.Training.Tests.Reports;

public sealed class ChartTests
{
    private const string Hostile = "<script>&\"'\u0001]]>\ud800 咳嗽";

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void Chart_WithHostileTexts_IsWellFormedAndKeepsThem()
    {
        CurveChart chart = Chart([new(1, 1), new(2, 2)]) with { Title = Hostile, Description = Hostile, Series = [new(Hostile, [new(1, 1), new(2, 3, 0.5)], SeriesStyle.Marked)] };

        XElement svg = XElement.Parse(chart.ToSvg());

        string readable = "<script>&\"'\uFFFD]]>\uFFFD 咳嗽";
        Assert.Equal(readable, svg.Element(Svg + "title")!.Value);
        Assert.StartsWith(readable, svg.Element(Svg + "desc")!.Value, StringComparison.Ordinal);
        Assert.Equal("img", svg.Attribute("role")!.Value);
        Assert.Empty(svg.Descendants(Svg + "script"));
    }

    [Fact]
    public void Chart_Points_LieWhereTheAxesSay()
    {
        (double X, double Y)[] marks = Marks(Chart([new(0, 0), new(5, 1), new(10, 2)]));

        Assert.Equal(3, marks.Length);
        Assert.Equal((marks[0].X + marks[2].X) / 2, marks[1].X, 0.11); // coordinates have one decimal
        Assert.Equal((marks[0].Y + marks[2].Y) / 2, marks[1].Y, 0.11);
        Assert.True(marks[0].X < marks[2].X && marks[0].Y > marks[2].Y);
    }

    [Fact]
    public void Chart_WithLogAxes_GivesEqualRatiosEqualLengths()
    {
        CurveChart chart = Chart([new(1, 0.01), new(4, 1), new(16, 100)]) with { X = new ChartAxis("N", AxisScale.Log) { Ticks = [1, 4, 16] }, Y = new ChartAxis("y", AxisScale.Log) };

        (double X, double Y)[] marks = Marks(chart);

        Assert.Equal(marks[1].X - marks[0].X, marks[2].X - marks[1].X, 0.21);
        Assert.Equal(marks[1].Y - marks[0].Y, marks[2].Y - marks[1].Y, 0.21);
    }

    [Fact]
    public void Chart_ValuesThatCannotBeShown_InterruptTheLineAndAreCounted()
    {
        CurveChart chart = Chart([new(1, 1), new(2, double.NaN), new(3, 1), new(4, double.PositiveInfinity), new(5, 2)]);

        XElement svg = XElement.Parse(chart.ToSvg());

        string path = svg.Elements(Svg + "path").Last(element => element.Attribute("class")!.Value.StartsWith("line", StringComparison.Ordinal)).Attribute("d")!.Value;
        Assert.Equal(3, path.Count(c => c == 'M'));
        Assert.Equal(3, Marks(chart).Length);
        Assert.Contains("2 values are not shown", svg.Element(Svg + "desc")!.Value, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(AxisScale.Linear)]
    [InlineData(AxisScale.Log)]
    public void Chart_WithoutAValue_IsStillAChart(AxisScale scale)
    {
        CurveChart chart = Chart([]) with { X = new ChartAxis("x", scale), Y = new ChartAxis("y", scale) };

        Assert.DoesNotContain("NaN", XElement.Parse(chart.ToSvg()).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3.5)]
    [InlineData(1e-12)]
    [InlineData(1e12)]
    public void Chart_OfOneValue_ShowsItInside(double value)
    {
        (_, double y) = Assert.Single(Marks(Chart([new(value, value)])));

        Assert.InRange(y, 60, 360);
    }

    [Fact]
    public void Chart_OfManySteps_IsThinnedWithoutLosingItsPeaks()
    {
        ChartPoint[] points = [.. Enumerable.Range(0, 100_000).Select(i => new ChartPoint(i, i == 54_321 ? 100 : i % 2))];
        CurveChart chart = Chart([]) with { Series = [new("loss", points)] };

        string svg = chart.ToSvg();

        Assert.InRange(svg.Length, 1_000, 50_000);
        Assert.Contains(" 64", PathOf(svg).Split('L').MinBy(point => double.Parse(point.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture))!, StringComparison.Ordinal);
    }

    [Fact]
    public void Chart_LongSeriesNames_WrapInsteadOfLeavingThePicture()
    {
        CurveChart chart = Chart([]) with { Series = [.. Enumerable.Range(0, 12).Select(i => new ChartSeries(new string('名', 20) + i, [new(1, i), new(2, i)], SeriesStyle.Marked))] };

        XElement svg = XElement.Parse(chart.ToSvg());

        Assert.All(svg.Descendants(Svg + "text"), text => Assert.InRange((double)text.Attribute("x")!, 0, 720));
        double oneRow = (double)XElement.Parse(Chart([]).ToSvg()).Attribute("height")!;
        Assert.Equal(oneRow + 100, (double)svg.Attribute("height")!); // two names of about 320 in a row of 632, so five more rows of 20
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(0.25, "0.25")]
    [InlineData(-2, "−2")]
    [InlineData(0.0002, "2e−4")]
    [InlineData(8000, "8,000")]
    [InlineData(3e8, "3e8")]
    public void Label_OfAValue_IsShort(double value, string label) => Assert.Equal(label, AxisRange.Label(value));

    [Fact]
    public void Range_OfDifferences_HasRoundMarksAroundTheValues()
    {
        AxisRange range = AxisRange.Of(new ChartAxis("y"), [0.634, 0.689], isTight: false);

        Assert.Equal([0.63, 0.64, 0.65, 0.66, 0.67, 0.68, 0.69], range.Ticks);
        Assert.Equal(0, range.Position(0.63), 9);
        Assert.Equal(1, range.Position(0.69), 9);
    }

    [Fact]
    public void HeatMap_Cells_ShowTheirNumbers()
    {
        var map = new HeatMap { Title = "ω", Description = "weights", ColumnsTitle = "Expert", Columns = ["1", "2"], Rows = [(Hostile, [0.25, 0.75]), ("two", [double.NaN, 0])] };

        XElement svg = XElement.Parse(map.ToSvg());

        string[] texts = [.. svg.Descendants(Svg + "text").Select(text => text.Value)];
        Assert.Contains("0.250", texts);
        Assert.Contains("0.750", texts);
        Assert.Equal(["0.333", "1", "0", "0"], svg.Descendants(Svg + "rect").Select(rect => rect.Attribute("fill-opacity")?.Value).OfType<string>());
    }

    private static CurveChart Chart(ChartPoint[] points) => new()
    {
        Title = "Loss",
        Description = "The loss by step.",
        X = new ChartAxis("Step"),
        Y = new ChartAxis("Loss"),
        Series = [new("one", points, SeriesStyle.Marked)],
    };

    // The last path is the series; the one before is its line in the legend.
    private static string PathOf(string svg) => XElement.Parse(svg).Elements(Svg + "path").Last().Attribute("d")!.Value;

    private static (double X, double Y)[] Marks(CurveChart chart) =>
        [.. XElement.Parse(chart.ToSvg()).Elements(Svg + "circle").Where(mark => mark.HasElements).Select(mark => ((double)mark.Attribute("cx")!, (double)mark.Attribute("cy")!))];
}
