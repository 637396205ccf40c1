using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Models;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Tests.Generation;

public sealed class GeneratorTests : IDisposable
{
    // Task 4 of this pack ends by itself: 296 220 87 265 3 259 265 164 2, and 2 is its end token.
    private readonly Pack _pack = new(Pack.Llama);
    private readonly TaskModel _task;

    public GeneratorTests() => _task = TaskModel.Shared(_pack.Model, _pack.Bank.Deltas, _pack.Adapter.GateRows(_pack.Adapter.RequireTask("4")));

    public void Dispose() => _pack.Dispose();

    [Fact]
    public void Run_UntilTheEndToken_CountsItWithoutItsText()
    {
        (GenerationResult result, CollectedOutput output) = Run(new GenerationSettings { MaxTokens = 50 }, new BracketTokenizer());

        Assert.Equal(GenerationEnd.EndToken, result.End);
        Assert.Equal(9, result.CompletionTokens);
        Assert.Equal([296, 220, 87, 265, 3, 259, 265, 164, 2], output.Ids);
        Assert.Equal("[296][220][87][265][3][259][265][164]", output.Text);
    }

    [Fact]
    public void Run_UntilMaxTokens_EndsThere()
    {
        (GenerationResult result, CollectedOutput output) = Run(new GenerationSettings { MaxTokens = 3 }, new BracketTokenizer());

        Assert.Equal(GenerationEnd.MaxTokens, result.End);
        Assert.Equal("[296][220][87]", output.Text);
    }

    [Fact]
    public void Run_WithAStopStringAcrossTokens_EndsBeforeIt()
    {
        (GenerationResult result, CollectedOutput output) = Run(new GenerationSettings { MaxTokens = 50, Stop = ["0][87", "[9]"] }, new BracketTokenizer());

        Assert.Equal(GenerationEnd.StopString, result.End);
        Assert.Equal("[296][22", output.Text);
        Assert.Equal([296, 220, 87], output.Ids); // every token that was generated, also those of the stop string
        Assert.Equal(3, result.CompletionTokens);
    }

    [Fact]
    public void Run_WithTextHeldBack_EmitsItAtTheEnd()
    {
        (GenerationResult result, CollectedOutput output) = Run(new GenerationSettings { MaxTokens = 2, Stop = ["220][88]"] }, new BracketTokenizer());

        Assert.Equal(GenerationEnd.MaxTokens, result.End);
        Assert.Equal(["[296]", "[", "220]"], output.Pieces);
    }

    [Fact]
    public void Run_WithTokensThatTheTokenizerLacks_HasNoTextForThem()
    {
        TaskModel task = TaskModel.Shared(_pack.Model, _pack.Bank.Deltas, _pack.Adapter.GateRows(_pack.Adapter.RequireTask("2")));
        using var generator = new Generator(_pack.Model, new BracketTokenizer());
        var output = new CollectedOutput();

        generator.Run(task, _pack.Prompt, new GenerationSettings { MaxTokens = 7 }, output);

        Assert.Equal([111, 104, 261, 199, 314, 317, 125], output.Ids);
        Assert.Equal("[111][104][261][199][125]", output.Text);
    }

    [Fact]
    public void Run_WithStopsButNoTokenizer_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => Run(new GenerationSettings { MaxTokens = 2, Stop = ["a"] }, null));
    }

    [Fact]
    public void Run_CancelledAtAToken_EndsThere()
    {
        using var cancellation = new CancellationTokenSource();
        using var generator = new Generator(_pack.Model, null);
        var output = new CollectedOutput(count =>
        {
            if (count == 3)
                cancellation.Cancel();
        });

        GenerationResult result = generator.Run(_task, _pack.Prompt, new GenerationSettings { MaxTokens = 50 }, output, cancellation.Token);

        Assert.Equal(GenerationEnd.Cancelled, result.End);
        Assert.Equal(3, result.CompletionTokens);
        Assert.Equal([296, 220, 87], output.Ids);
    }

    [Fact]
    public void Run_CancelledBefore_GeneratesNothing()
    {
        using var generator = new Generator(_pack.Model, null);
        var output = new CollectedOutput();

        GenerationResult result = generator.Run(_task, _pack.Prompt, new GenerationSettings { MaxTokens = 50 }, output, new CancellationToken(true));

        Assert.Equal(GenerationEnd.Cancelled, result.End);
        Assert.Equal(0, result.CompletionTokens);
        Assert.Empty(output.Ids);
    }

    [Fact]
    public void Run_WithASeed_RepeatsItselfWhateverRanBetween()
    {
        using var generator = new Generator(_pack.Model, null);
        int[] first = Sample(generator, 7, _task);
        Sample(generator, 8, TaskModel.Own(_pack.Model));
        int[] second = Sample(generator, 7, _task);

        Assert.Equal(first, second);
        Assert.NotEqual(first, Sample(generator, 8, _task));
    }

    [Fact]
    public void Run_WithTopKOne_IsGreedy()
    {
        (_, CollectedOutput output) = Run(new GenerationSettings { MaxTokens = 9, Sampling = new SamplingSettings { Temperature = 2, TopK = 1, Seed = 5 } }, null);

        Assert.Equal([296, 220, 87, 265, 3, 259, 265, 164, 2], output.Ids);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)] // the prompt of 10 ends in a piece of 1
    [InlineData(5)] // and in a whole piece
    public void Run_OfAPromptInPieces_EqualsItInOne(int piece)
    {
        using var generator = new Generator(_pack.Model, null) { PromptPiece = piece };
        var output = new CollectedOutput();

        generator.Run(_task, _pack.Prompt, new GenerationSettings { MaxTokens = 50 }, output);

        Assert.Equal([296, 220, 87, 265, 3, 259, 265, 164, 2], output.Ids);
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(1.0)]
    public void Run_OfBrokenWeights_SaysSo(double temperature)
    {
        LinearModule module = _pack.Model.LinearModules[0];
        float[] broken = new float[module.InFeatures];
        Array.Fill(broken, float.NaN);
        _pack.Device.WriteRow(broken, _pack.Model.Weight(module), 0);

        (GenerationResult result, CollectedOutput output) = Run(
            new GenerationSettings { MaxTokens = 5, Sampling = new SamplingSettings { Temperature = temperature } }, null);

        Assert.Equal(GenerationEnd.UnusableLogits, result.End);
        Assert.Empty(output.Ids);
    }

    [Fact]
    public void AnswerText_OfBytesAcrossTokens_NeverHoldsPartOfACharacter()
    {
        ITokenizer tokenizer = TokenizerReader.Read(Path.Combine(Pack.DataDirectory, "tokenizers", "bpe")).Require();
        const string Text = "naïve 世界 😀🏳️‍🌈 停";
        var answer = new AnswerText(tokenizer, ["停止"]);

        List<string> pieces = [.. tokenizer.Encode(Text + "止 more", addSpecialTokens: false).Select(answer.Append), answer.Finish()];

        Assert.True(answer.Stopped);
        Assert.Equal(Text[..^1], string.Concat(pieces));
        Assert.Contains("", pieces); // some character did take more than one token, or this proves nothing
        Assert.All(pieces, piece => Assert.DoesNotContain('\uFFFD', piece));
    }

    [Fact]
    public void Run_PerToken_AllocatesNothingOfItsOwn()
    {
        using var generator = new Generator(_pack.Model, null);
        TaskModel task = TaskModel.Own(_pack.Model);
        var output = new SilentOutput();
        long Measure(int tokens)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            generator.Run(task, _pack.Prompt, new GenerationSettings { MaxTokens = tokens }, output);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Measure(50);

        // What a generation costs does not grow with its tokens; both need two blocks of positions.
        Assert.Equal(Measure(30), Measure(50));
    }

    private int[] Sample(Generator generator, long seed, TaskModel task)
    {
        var output = new CollectedOutput();
        generator.Run(task, _pack.Prompt, new GenerationSettings { MaxTokens = 12, Sampling = new SamplingSettings { Temperature = 1.5, Seed = seed } }, output);
        return [.. output.Ids];
    }

    private (GenerationResult Result, CollectedOutput Output) Run(GenerationSettings settings, ITokenizer? tokenizer)
    {
        using var generator = new Generator(_pack.Model, tokenizer);
        var output = new CollectedOutput();
        return (generator.Run(_task, _pack.Prompt, settings, output), output);
    }

    private sealed class SilentOutput : IGenerationOutput
    {
        public void OnToken(int id, string text)
        {
        }

        public void OnRest(string text)
        {
        }
    }
}
