using System.Text;
using MoeLora.Engine.Constraints;
using static MoeLora.Engine.Tests.Constraints.ConstrainedAnswers;

namespace MoeLora.Engine.Tests.Constraints;

public sealed class ChoiceConstraintTests
{
    private static readonly ListTokenizer Tokenizer = ListTokenizer.Json;
    private static readonly ConstraintCompiler Compiler = new(Tokenizer, Tokenizer.VocabularySize);

    [Fact]
    public void Generate_FromRandomLogits_GivesEachOptionAndNothingElse()
    {
        string[] options = ["没有直接联系", "没有间接联系", "没有", "糖尿病😀", "a", "aaaa", "é"];
        ITokenConstraint constraint = Require(Compiler.Choice(options));
        var random = new Random(1);

        HashSet<string?> answers = [.. Enumerable.Range(0, 400).Select(_ => Generate(constraint, Tokenizer, 0, random, 100))];

        Assert.Equal(options.Order(StringComparer.Ordinal), answers.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Allowed_AtTheStart_HasEveryTokenThatAnOptionBeginsWith()
    {
        ITokenConstraint constraint = Require(Compiler.Choice(["没有直接联系", "name", "糖尿病"]));

        int[] allowed = [.. Enumerable.Range(0, constraint.VocabularySize).Where(token => Contains(constraint.Start().Allowed, token))];

        byte[][] options = [.. new[] { "没有直接联系", "name", "糖尿病" }.Select(Encoding.UTF8.GetBytes)];
        int[] expected = [.. Enumerable.Range(1, Tokenizer.VocabularySize - 1).Where(token => options.Any(option => option.AsSpan().StartsWith(Tokenizer.TokenBytes(token))))];
        Assert.Equal(expected, allowed);
        Assert.Equal(8, allowed.Length); // E6, 没有, n, na, name, E7, E7 B3, 糖尿病; not the special token
    }

    [Fact]
    public void State_AtAnOptionThatOthersBeginWith_MayEndButNeedNot()
    {
        IConstraintState state = Require(Compiler.Choice(["a", "ab"])).Start();
        Assert.False(state.MayEnd);

        state.Advance('a' + 1);
        Assert.True(state.MayEnd);
        Assert.False(state.MustEnd);

        state.Advance('b' + 1);
        Assert.True(state.MayEnd);
        Assert.True(state.MustEnd);
        Assert.False(state.Allowed.ContainsAnyExcept(0ul));
    }

    [Fact]
    public void Advance_OfAForbiddenToken_IsRefusedAndChangesNothing()
    {
        IConstraintState state = Require(Compiler.Choice(["ab"])).Start();

        Assert.Throws<InvalidOperationException>(() => state.Advance('b' + 1));
        Assert.Throws<InvalidOperationException>(() => state.Advance(0)); // a special token
        Assert.Throws<InvalidOperationException>(() => state.Advance(Tokenizer.VocabularySize)); // of the model only

        state.Advance('a' + 1);
        state.Advance('b' + 1);
        Assert.True(state.MustEnd);
    }

    [Fact]
    public void Choice_OfManyOptions_IsExact()
    {
        string[] options = [.. Enumerable.Range(0, 1024).Select(i => $"option {i * 37}")];
        ITokenConstraint constraint = Require(Compiler.Choice(options));

        Assert.All(options, option => Assert.True(Accepts(constraint, option)));
        Assert.False(Accepts(constraint, "option 1"));
        Assert.False(Accepts(constraint, "option 377"));
        Assert.False(Accepts(constraint, "option"));
    }

    [Fact]
    public void Choice_ThatCannotBeSpelled_IsRefusedWithEveryReason()
    {
        Assert.Equal([""], Compiler.Choice([]).Problems.Select(problem => problem.Pointer));
        Assert.Equal(["/1", "/2"], Compiler.Choice(["a", "", "\uD800b"]).Problems.Select(problem => problem.Pointer));
    }

    [Fact]
    public void Choice_WithBytesThatAreNoTokens_IsRefused()
    {
        var tokenizer = new ListTokenizer([[], "a"u8.ToArray(), "b"u8.ToArray(), "ac"u8.ToArray()]);
        var compiler = new ConstraintCompiler(tokenizer, 4);

        Assert.True(compiler.Choice(["ab"]).Succeeded);
        Assert.Contains("get stuck", Assert.Single(compiler.Choice(["ac"]).Problems).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Choice_AskedForAgain_IsTheSameConstraint()
    {
        Assert.Same(Require(Compiler.Choice(["x", "y"])), Require(Compiler.Choice(["x", "y"])));
        Assert.NotSame(Require(Compiler.Choice(["x", "y"])), Require(Compiler.Choice(["x,y"])));
    }

    [Fact]
    public void Choice_OfTooManyCharacters_IsRefused()
    {
        Assert.Contains("characters", Assert.Single(Compiler.Choice([new string('a', 300_000)]).Problems).Reason, StringComparison.Ordinal);
    }
}
