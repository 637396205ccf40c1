using MoeLora.Training.Scores;

namespace MoeLora.Training.Tests.Scores;

/// <summary>Expected values by hand from the package's definition.</summary>
public sealed class RougeLTests
{
    [Fact]
    public void Compare_CommonSubsequence_CountsItsWords()
    {
        // a c d of a b c d, and of a x c d y.
        RougeL score = RougeL.Compare("a x c d y", "a b c d");

        Assert.Equal(3.0 / 5, score.Precision);
        Assert.Equal(3.0 / 4, score.Recall);
        Assert.Equal(2 * 0.45 / (0.6 + 0.75 + 1e-8), score.F1, 1e-15);
    }

    [Fact]
    public void Compare_RepeatedWords_CountOnce()
    {
        RougeL score = RougeL.Compare("a a a", "a b");

        Assert.Equal(1, score.Precision);
        Assert.Equal(1.0 / 2, score.Recall);
    }

    [Fact]
    public void Compare_SeveralSentences_JoinsTheirCommonWords()
    {
        // In one sentence only "a b" or "c" would be in order.
        RougeL score = RougeL.Compare("c d . a b", "a b . c");

        Assert.Equal(3.0 / 4, score.Precision);
        Assert.Equal(1, score.Recall);
    }

    [Fact]
    public void Compare_SentenceOfWhiteSpace_IsAnEmptyWord()
    {
        RougeL score = RougeL.Compare("a . ", "a");

        Assert.Equal(1.0 / 2, score.Precision);
    }

    [Theory]
    [InlineData("b a . b", 0.5)]
    [InlineData("b a . a", 1)]
    public void Compare_TwoLongestSubsequences_TakesThePackages(string answer, double recall)
    {
        // Of "b a" the package finds "b", dropping the answer's last word first; the second sentence shows which it was.
        Assert.Equal(recall, RougeL.Compare(answer, "a b").Recall);
    }

    [Theory]
    [InlineData("", "a")]
    [InlineData(".", "a")]
    [InlineData("a", "")]
    [InlineData("a", "b")]
    public void Compare_NothingInCommon_IsZero(string answer, string reference) => Assert.Equal(default, RougeL.Compare(answer, reference));
}
