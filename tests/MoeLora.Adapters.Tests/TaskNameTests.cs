namespace MoeLora.Adapters.Tests;

public sealed class TaskNameTests
{
    [Theory]
    [InlineData("CMeEE-V2")]
    [InlineData("a")]
    [InlineData("报告 生成")]
    [InlineData("team/task:1")]
    [InlineData("😀")]
    public void TryParse_GoodName_PrintsAsGiven(string text)
    {
        Assert.True(TaskName.TryParse(text, out TaskName name));
        Assert.Equal(text, name.ToString());
        Assert.Equal(new TaskName(text), name);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" a")]
    [InlineData("a ")]
    [InlineData("a@1")]
    [InlineData("a\nb")]
    [InlineData("a\0b")]
    [InlineData("\u0085x")]
    public void TryParse_BadName_IsRefused(string? text)
    {
        Assert.False(TaskName.TryParse(text, out _));
    }

    [Fact]
    public void TryParse_HalfSurrogatePair_IsRefused()
    {
        Assert.False(TaskName.TryParse("a" + (char)0xD800, out _));
    }

    [Theory]
    [InlineData(128, true)]
    [InlineData(129, false)]
    public void TryParse_Length_IsBounded(int length, bool valid)
    {
        Assert.Equal(valid, TaskName.TryParse(new string('x', length), out _));
    }

    [Fact]
    public void Constructor_BadName_SaysWhy()
    {
        Assert.Contains("separates a task from a version", Assert.Throws<FormatException>(() => new TaskName("a@b")).Message);
    }
}
