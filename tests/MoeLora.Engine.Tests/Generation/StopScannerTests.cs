using System.Text;
using MoeLora.Engine.Generation;

namespace MoeLora.Engine.Tests.Generation;

public sealed class StopScannerTests
{
    [Fact]
    public void Append_WithoutStops_EmitsAtOnce()
    {
        var scanner = new StopScanner([]);

        Assert.Equal("abc", scanner.Append("abc"));
        Assert.Equal("", scanner.Finish());
    }

    [Fact]
    public void Append_OfAPossibleBeginning_HoldsOnlyThatBack()
    {
        var scanner = new StopScanner(["END"]);

        Assert.Equal("one ", scanner.Append("one E"));
        Assert.Equal("", scanner.Append("N"));
        Assert.Equal("ENE"[..2], scanner.Append("E")); // "EN" was none after all, the new "E" may be one
        Assert.Equal("", scanner.Append("ND"));
        Assert.True(scanner.Stopped);
        Assert.Equal("", scanner.Append("more"));
        Assert.Equal("", scanner.Finish());
    }

    [Fact]
    public void Finish_WithTextHeldBack_EmitsIt()
    {
        var scanner = new StopScanner(["\n\n"]);

        Assert.Equal("text", scanner.Append("text\n"));
        Assert.Equal("\n", scanner.Finish());
        Assert.False(scanner.Stopped);
    }

    [Theory]
    [InlineData("xxabcdyy", "xxa", "abcd", "bc")] // "bc" is complete first
    [InlineData("xxabcyy", "xx", "abc", "bc", "c")] // complete at once: the longest
    [InlineData("aaab", "a", "aab")]
    [InlineData("ababac!", "ab", "abac")]
    [InlineData("no stop", "no stop", "stops", "xyz")]
    [InlineData("世界。终了", "世界", "。终")]
    [InlineData("stop", "", "stop")]
    public void Answer_ForAllCuts_IsTheSame(string text, string expected, params string[] stops)
    {
        for (int cuts = 0; cuts < 1 << (text.Length - 1); cuts++)
        {
            var scanner = new StopScanner(stops);
            var answer = new StringBuilder();
            int start = 0;
            for (int end = 1; end <= text.Length; end++)
            {
                if (end < text.Length && (cuts & (1 << (end - 1))) == 0)
                    continue;
                answer.Append(scanner.Append(text[start..end]));
                start = end;
            }

            answer.Append(scanner.Finish());
            Assert.Equal(expected, answer.ToString());
            Assert.Equal(expected != text, scanner.Stopped);
        }
    }

    [Fact]
    public void Scanner_OfAnEmptyStop_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => new StopScanner(["a", ""]));
    }
}
