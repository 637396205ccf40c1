using MoeLora.Training.Reports.Curves;

namespace MoeLora.Training.Tests.Reports;

public sealed class MovingAverageTests
{
    [Fact]
    public void Add_ConstantValues_AreTheirOwnAverageFromTheStart()
    {
        var average = new MovingAverage(50);

        Assert.Null(average.Value);
        for (int i = 0; i < 100; i++)
            Assert.Equal(3, average.Add(3)!.Value, 12); // rounding of at most 100 sums of about 50 ulps
    }

    [Fact]
    public void Add_TwoValues_WeighsTheLaterMore()
    {
        var average = new MovingAverage(3); // decay 1/2: weights 1/3 and 2/3
        average.Add(0);

        Assert.Equal(2, average.Add(3)!.Value, 12);
    }

    [Fact]
    public void Add_NotANumber_IsLeftOut()
    {
        var average = new MovingAverage(3);
        Assert.Null(average.Add(double.NaN));
        average.Add(5);

        Assert.Equal(5, average.Add(double.PositiveInfinity));
    }

    [Fact]
    public void Add_SpanOfOne_IsTheLastValue()
    {
        var average = new MovingAverage(1);
        average.Add(1);

        Assert.Equal(9, average.Add(9));
    }
}
