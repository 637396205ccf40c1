using System.Globalization;
using System.Text;

namespace MoeLora.Training.Reports.Charts;

/// <summary>Draws a <see cref="CurveChart"/>.</summary>
internal sealed class CurveDrawing
{
    private const double Width = 720, PlotHeight = 270, Left = 70, Right = 18, LegendRow = 20, Bottom = 52, FontSize = 13;

    private static readonly string[] Dashes = ["", "7 4", "2 4", "9 4 2 4"];

    private readonly CurveChart _chart;
    private readonly SvgText _svg;
    private readonly AxisRange _x;
    private readonly AxisRange _y;
    private readonly double _top;

    private CurveDrawing(CurveChart chart, string? style)
    {
        _chart = chart;
        ChartPoint[] points = [.. chart.Series.SelectMany(series => series.Points).Where(IsShown)];
        _x = AxisRange.Of(chart.X, [.. points.Select(point => point.X), .. chart.X.Reaches.Where(chart.X.CanShow)], isTight: true);
        _y = AxisRange.Of(chart.Y, [.. points.SelectMany(Extent).Concat(chart.Y.Reaches).Where(chart.Y.CanShow)], isTight: false);
        (double X, int Row)[] legend = PlaceLegend(chart.Series);
        _top = 36 + (LegendRow * (legend.Length == 0 ? 0 : legend[^1].Row + 1)) + 8;
        int hidden = chart.Series.Sum(series => series.Points.Count(point => !IsShown(point)));
        string missing = hidden == 0 ? "" : $" {hidden} {(hidden == 1 ? "value is" : "values are")} not shown: not a number, or not positive on a logarithmic axis.";
        _svg = new SvgText(chart.Title, chart.Description + missing, Width, _top + PlotHeight + Bottom, style);
        _svg.AddText(Left, 24, "name", XmlText.Fit(chart.Title, (Width - Left - Right) / 15));
        DrawLegend(legend);
    }

    private double PlotRight => Width - Right;

    private double PlotBottom => _top + PlotHeight;

    public static string Draw(CurveChart chart, string? style)
    {
        var drawing = new CurveDrawing(chart, style);
        drawing.DrawAxes();
        for (int i = 0; i < chart.Series.Count; i++)
            drawing.DrawSeries(chart.Series[i], i);
        return drawing._svg.ToString();
    }

    private static IEnumerable<double> Extent(ChartPoint point) => point.Error is { } error && double.IsFinite(error) ? [point.Y, point.Y - error, point.Y + error] : [point.Y];

    private static (double X, int Row)[] PlaceLegend(IReadOnlyList<ChartSeries> series)
    {
        var places = new (double, int)[series.Count];
        double x = Left;
        int row = 0;
        for (int i = 0; i < series.Count; i++)
        {
            double width = 34 + (XmlText.Width(series[i].Name) * FontSize) + 16;
            if (x > Left && x + width > Width)
                (x, row) = (Left, row + 1);
            places[i] = (x, row);
            x += width;
        }

        return places;
    }

    private bool IsShown(ChartPoint point) => _chart.X.CanShow(point.X) && _chart.Y.CanShow(point.Y);

    private double AtX(double value) => Left + (_x.Position(value) * (PlotRight - Left));

    private double AtY(double value) => PlotBottom - (_y.Position(value) * PlotHeight);

    private void DrawLegend((double X, int Row)[] places)
    {
        for (int i = 0; i < places.Length; i++)
        {
            (double x, double y) = (places[i].X, 36 + (LegendRow * places[i].Row) + 9);
            ChartSeries series = _chart.Series[i];
            _svg.Add($"<path class=\"{LineClass(series, i)}{(series.Style == SeriesStyle.Faint ? " key" : "")}\"{Dash(i)} d=\"M{x:0.#} {y:0.#}H{x + 26:0.#}\"/>");
            if (series.Style == SeriesStyle.Marked)
                DrawMark(x + 13, y, i, "");
            _svg.AddText(x + 34, y + 4.5, "", XmlText.Fit(series.Name, (Width - x - 34) / FontSize));
        }
    }

    private void DrawAxes()
    {
        foreach (double tick in _y.Ticks)
        {
            _svg.AddLine("rule", Left, AtY(tick), PlotRight, AtY(tick));
            _svg.AddText(Left - 8, AtY(tick) + 4.5, "soft end", _y.LabelOf(tick));
        }

        double free = 0; // labels that would touch the one before are left out, their marks stay
        foreach (double tick in _x.Ticks)
        {
            string label = _x.LabelOf(tick);
            double half = XmlText.Width(label) * FontSize / 2;
            _svg.AddLine("axis", AtX(tick), PlotBottom, AtX(tick), PlotBottom + 5);
            if (AtX(tick) - half < free)
                continue;
            _svg.AddText(Math.Min(AtX(tick), Width - half), PlotBottom + 20, "soft mid", label);
            free = AtX(tick) + half + 6;
        }

        _svg.AddLine("axis", Left, PlotBottom, PlotRight, PlotBottom);
        _svg.AddText((Left + PlotRight) / 2, PlotBottom + 42, "soft mid", _chart.X.Title);
        double middle = (_top + PlotBottom) / 2;
        _svg.AddText(16, middle, "soft mid", _chart.Y.Title, string.Create(CultureInfo.InvariantCulture, $" transform=\"rotate(-90 16 {middle:0.#})\""));
    }

    private void DrawSeries(ChartSeries series, int index)
    {
        var path = new StringBuilder();
        bool isPenDown = false;
        foreach (ChartPoint point in series.Style == SeriesStyle.Marked ? series.Points : Thin(series.Points))
        {
            bool isShown = IsShown(point);
            if (isShown)
                path.Append(CultureInfo.InvariantCulture, $"{(isPenDown ? 'L' : 'M')}{AtX(point.X):0.#} {AtY(point.Y):0.#}");
            isPenDown = isShown;
        }

        if (path.Length > 0)
            _svg.Add($"<path class=\"{LineClass(series, index)}\"{Dash(index)} d=\"{path}\"/>");
        if (series.Style != SeriesStyle.Marked)
            return;
        foreach (ChartPoint point in series.Points.Where(IsShown))
        {
            (double x, double y) = (AtX(point.X), AtY(point.Y));
            if (point.Error is { } error && double.IsFinite(error))
            {
                (double low, double high) = (AtY(point.Y - error), AtY(point.Y + error));
                _svg.Add($"<path class=\"line bar s{index % ChartStyle.Colours}\" d=\"M{x:0.#} {low:0.#}V{high:0.#}M{x - 5:0.#} {low:0.#}h10M{x - 5:0.#} {high:0.#}h10\"/>");
            }

            string value = point.Error is { } bar ? $"{point.Y:0.0000} ± {bar:0.0000}" : $"{point.Y:0.####}";
            DrawMark(x, y, index, $"<title>{XmlText.Escape($"{series.Name}, {AxisRange.Label(point.X)}: {value}")}</title>");
        }
    }

    // A long run has many steps for each column of pixels: of the points in a column only the lowest and the highest are kept, so no peak is lost.
    private List<ChartPoint> Thin(IReadOnlyList<ChartPoint> points)
    {
        var kept = new List<ChartPoint>();
        for (int begin = 0; begin < points.Count;)
        {
            int end = begin + 1, low = begin, high = begin;
            bool isShown = IsShown(points[begin]);
            double column = isShown ? Math.Floor(AtX(points[begin].X)) : 0;
            for (; end < points.Count && IsShown(points[end]) == isShown && (!isShown || Math.Floor(AtX(points[end].X)) == column); end++)
            {
                low = points[end].Y < points[low].Y ? end : low;
                high = points[end].Y > points[high].Y ? end : high;
            }

            kept.Add(points[Math.Min(low, high)]);
            if (low != high)
                kept.Add(points[Math.Max(low, high)]);
            begin = end;
        }

        return kept;
    }

    private void DrawMark(double x, double y, int index, string inside)
    {
        string classes = $"mark s{index % ChartStyle.Colours}";
        _svg.Add((index % 4) switch
        {
            0 => $"<circle class=\"{classes}\" cx=\"{x:0.#}\" cy=\"{y:0.#}\" r=\"4.5\">{inside}</circle>",
            1 => $"<rect class=\"{classes}\" x=\"{x - 4:0.#}\" y=\"{y - 4:0.#}\" width=\"8\" height=\"8\">{inside}</rect>",
            2 => $"<path class=\"{classes}\" d=\"M{x:0.#} {y - 5:0.#}l5 9h-10z\">{inside}</path>",
            _ => $"<path class=\"{classes}\" d=\"M{x:0.#} {y - 5.5:0.#}l5.5 5.5l-5.5 5.5l-5.5 -5.5z\">{inside}</path>",
        });
    }

    private static string LineClass(ChartSeries series, int index) => $"line{(series.Style == SeriesStyle.Faint ? " faint" : "")} s{index % ChartStyle.Colours}";

    // The first series of each colour is solid.
    private static string Dash(int index) => index < ChartStyle.Colours ? "" : $" stroke-dasharray=\"{Dashes[index / ChartStyle.Colours % Dashes.Length]}\"";
}
