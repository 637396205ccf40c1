using MoeLora.Adapters;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Constraints;
using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Models;

namespace MoeLora.Engine.Tests.Batching;

public sealed class BatchEngineTests : IDisposable
{
    // Task 4 of this pack ends by itself: 296 220 87 265 3 259 265 164 2, and 2 is its end token.
    private static readonly int[] Answer = [296, 220, 87, 265, 3, 259, 265, 164, 2];

    private readonly EnginePack _pack = new(Pack.Llama);
    private readonly BatchEngine _engine;
    private readonly TaskModel _task;

    public BatchEngineTests()
    {
        _engine = _pack.Engine();
        _task = TaskModel.Shared(_pack.Pack.Model, _pack.Pack.Bank.Deltas, _pack.Pack.Adapter.GateRows(_pack.Pack.Adapter.RequireTask("4")));
    }

    public void Dispose()
    {
        _engine.Dispose();
        _pack.Dispose();
    }

    [Fact]
    public void Answer_UntilTheEndToken_CountsItWithoutItsText()
    {
        RecordedOutput output = Run(new GenerationSettings { MaxTokens = 50 });

        EngineResult result = output.Wait();
        Assert.Equal([GenerationEnd.EndToken], result.Ends);
        Assert.Equal(Answer, output.Ids[0]);
        Assert.Equal("[296][220][87][265][3][259][265][164]", output.Text());
        Assert.Equal((10, 0, 9, 0), (result.PromptTokens, result.CachedTokens, result.CompletionTokens, result.Preemptions));
        Assert.Null(result.Failure);
    }

    [Fact]
    public void Answer_UntilMaxTokens_EndsThere()
    {
        RecordedOutput output = Run(new GenerationSettings { MaxTokens = 3 });

        Assert.Equal([GenerationEnd.MaxTokens], output.Wait().Ends);
        Assert.Equal(Answer[..3], output.Ids[0]);
    }

    [Fact]
    public void Answer_OfOneToken_FeedsNoToken()
    {
        RecordedOutput output = Run(new GenerationSettings { MaxTokens = 1 });

        Assert.Equal([GenerationEnd.MaxTokens], output.Wait().Ends);
        Assert.Equal(Answer[..1], output.Ids[0]);
    }

    [Fact]
    public void Answer_WithAStopStringAcrossTokens_EndsBeforeIt()
    {
        RecordedOutput output = Run(new GenerationSettings { MaxTokens = 50, Stop = ["0][87", "[9]"] });

        Assert.Equal([GenerationEnd.StopString], output.Wait().Ends);
        Assert.Equal("[296][22", output.Text());
        Assert.Equal(Answer[..3], output.Ids[0]);
    }

    [Fact]
    public void Answer_WithTextHeldBack_EmitsItAtTheEnd()
    {
        RecordedOutput output = Run(new GenerationSettings { MaxTokens = 2, Stop = ["220][88]"] });

        Assert.Equal([GenerationEnd.MaxTokens], output.Wait().Ends);
        Assert.Equal("[296][220]", output.Text());
    }

    [Fact]
    public void Answer_WithAStopToken_EndsAtItWithoutItsText()
    {
        RecordedOutput output = Run(new GenerationSettings { MaxTokens = 50, StopTokens = [265] });

        Assert.Equal([GenerationEnd.EndToken], output.Wait().Ends);
        Assert.Equal(Answer[..4], output.Ids[0]);
        Assert.Equal("[296][220][87]", output.Text());
    }

    [Fact]
    public void Answer_UnderAConstraint_IsCompleteWhenNothingCanFollow()
    {
        RecordedOutput output = Run(new GenerationSettings { MaxTokens = 50, Constraint = new OneAnswer([7, 100, 31], 320) });

        Assert.Equal([GenerationEnd.Complete], output.Wait().Ends);
        Assert.Equal([7, 100, 31], output.Ids[0]);
        Assert.Throws<ArgumentException>(() => Run(new GenerationSettings { MaxTokens = 50, Constraint = new OneAnswer([7], 300) }));
    }

    [Theory]
    [InlineData(Pack.Llama)]
    [InlineData(Pack.Qwen2)]
    [InlineData(Pack.ChatGlm)]
    public void Answers_OfAllTasksInBothForms_AtOnce_EqualTheReference(string name)
    {
        using var pack = new EnginePack(name);
        using BatchEngine engine = pack.Engine();
        var outputs = new List<(int[] Expected, RecordedOutput Output)>();
        for (int i = 0; i < pack.Shared.Count; i++)
        {
            int[] expected = pack.Pack.Greedy(pack.Pack.Adapter.Tasks[i]);
            foreach (TaskModel task in (TaskModel[])[pack.Shared[i], pack.Merged[i]])
            {
                var output = new RecordedOutput();
                outputs.Add((expected, output));
                var request = new EngineRequest { Task = task, Prompt = pack.Pack.Prompt, Settings = new GenerationSettings { MaxTokens = expected.Length } };
                Assert.True(engine.TrySubmit(request, output).IsAccepted);
            }
        }

        Assert.All(outputs, entry =>
        {
            entry.Output.Wait();
            Assert.Equal(entry.Expected, entry.Output.Ids[0]);
        });
    }

    [Fact]
    public void Answers_Several_EqualThoseOfSeparateRequests()
    {
        var settings = new GenerationSettings { MaxTokens = 40, Sampling = new SamplingSettings { Temperature = 1.2, Seed = 5, LogProbabilities = 0 } };
        int[] prompt = _pack.Prompt(new Random(1), 45); // its last block is partly filled, so the answers must copy it
        var request = new EngineRequest { Task = _task, Prompt = prompt, Settings = settings, Answers = 4 };
        var output = new RecordedOutput(4);

        _engine.TrySubmit(request, output);

        EngineResult result = output.Wait();
        Assert.Equal(45, result.PromptTokens);
        Assert.Equal(output.Ids.Sum(ids => ids.Count), result.CompletionTokens);
        for (int i = 0; i < 4; i++)
        {
            RecordedOutput alone = _pack.Alone(request with { Answers = 1, Settings = settings with { Sampling = settings.Sampling.ForAnswer(i) } });
            Assert.Equal(alone.Ids[0], output.Ids[i]);
            Assert.Equal(alone.LogProbabilities[0], output.LogProbabilities[i]);
        }

        Assert.NotEqual(output.Ids[0], output.Ids[1]);
        AssertWhole(_engine);
        Assert.Equal(45, _engine.Statistics.PromptTokens);
    }

    [Fact]
    public void Output_ThatThrows_EndsItsOwnRequestOnly()
    {
        var throwing = new RecordedOutput(onToken: count => throw new FormatException());
        var other = new RecordedOutput();
        EngineRequest request = Request(new GenerationSettings { MaxTokens = 50 });
        _engine.TrySubmit(request, throwing);
        _engine.TrySubmit(request, other);

        EngineResult result = throwing.Wait();
        Assert.Equal([GenerationEnd.Failed], result.Ends);
        Assert.IsType<FormatException>(result.Failure);
        Assert.Equal([GenerationEnd.EndToken], other.Wait().Ends);
        Assert.Equal(Answer, other.Ids[0]);
        AssertWhole(_engine);
    }

    [Fact]
    public void Pass_ThatThrows_EndsItsRequestsAndTheEngineLives()
    {
        // A bank for another number of modules: the model refuses the pass. What runs on other weights is in another.
        TaskModel broken = TaskModel.Shared(_pack.Pack.Model, _pack.Pack.Bank.Deltas with { GateSlot = [] }, _task.Gate!);
        var failing = new RecordedOutput();
        var other = new RecordedOutput();
        EngineRequest request = Request(new GenerationSettings { MaxTokens = 50 });

        _engine.TrySubmit(request with { Task = broken }, failing);
        _engine.TrySubmit(request with { Task = _pack.Merged[0] }, other);

        EngineResult result = failing.Wait();
        Assert.Equal([GenerationEnd.Failed], result.Ends);
        Assert.IsType<ArgumentException>(result.Failure);
        Assert.Null(other.Wait().Failure);
        Assert.Equal([GenerationEnd.EndToken], Run(new GenerationSettings { MaxTokens = 50 }).Wait().Ends);
        AssertWhole(_engine);
    }

    [Fact]
    public void Gate_ThatDoesNotFitItsBank_EndsItsRequestOnly()
    {
        TaskModel broken = TaskModel.Shared(_pack.Pack.Model, _pack.Pack.Bank.Deltas with { GateSlots = 2 }, _task.Gate!);
        var failing = new RecordedOutput();
        var other = new RecordedOutput();
        EngineRequest request = Request(new GenerationSettings { MaxTokens = 50 });

        _engine.TrySubmit(request with { Task = broken }, failing);
        _engine.TrySubmit(request, other);

        Assert.IsType<ArgumentException>(failing.Wait().Failure);
        Assert.Equal(Answer, (other.Wait(), other.Ids[0]).Item2);
        AssertWhole(_engine);
    }

    [Fact]
    public void Sequence_ThatCannotBegin_EndsItsRequestAndTheEngineLives()
    {
        CausalModel gone = Recovery.Merge(_pack.Pack.Model, null, _pack.Pack.Adapter, [_pack.Pack.Adapter.Tasks[0]]);
        gone.Dispose();
        EngineRequest request = Request(new GenerationSettings { MaxTokens = 50 });
        var failing = new RecordedOutput();

        _engine.TrySubmit(request with { Task = TaskModel.Own(gone) }, failing);

        Assert.IsType<ObjectDisposedException>(failing.Wait().Failure);
        Assert.Equal([GenerationEnd.MaxTokens], Run(new GenerationSettings { MaxTokens = 2 }).Wait().Ends);
        AssertWhole(_engine);
    }

    [Fact]
    public async Task Logits_ThatAreNoNumbers_EndTheirAnswerOnly()
    {
        CausalModel broken = Recovery.Merge(_pack.Pack.Model, null, _pack.Pack.Adapter, [_pack.Pack.Adapter.Tasks[0]]);
        LinearModule module = broken.LinearModules[^1];
        float[] row = new float[module.InFeatures];
        Array.Fill(row, float.NaN);
        _pack.Pack.Device.WriteRow(row, broken.Weight(module), 0);
        var output = new RecordedOutput();
        var other = new RecordedOutput();
        EngineRequest request = Request(new GenerationSettings { MaxTokens = 50 });

        _engine.TrySubmit(request with { Task = TaskModel.Own(broken) }, output);
        _engine.TrySubmit(request, other);

        Assert.Equal([GenerationEnd.UnusableLogits], output.Wait().Ends);
        Assert.Equal(Answer, (other.Wait(), other.Ids[0]).Item2);
        AssertWhole(_engine);
        await _engine.RunAsync(broken.Dispose);
    }

    /// <summary>Nothing is held that nobody holds.</summary>
    internal static void AssertWhole(BatchEngine engine)
    {
        EngineStatistics statistics = engine.Statistics;
        Assert.Equal((0, 0, 0), (statistics.Running, statistics.Waiting, statistics.UsedBlocks));
    }

    private EngineRequest Request(GenerationSettings settings) => new() { Task = _task, Prompt = _pack.Pack.Prompt, Settings = settings };

    private RecordedOutput Run(GenerationSettings settings)
    {
        var output = new RecordedOutput();
        Assert.True(_engine.TrySubmit(Request(settings), output).IsAccepted);
        return output;
    }

    /// <summary>Lets nothing be said but one answer.</summary>
    private sealed class OneAnswer(int[] tokens, int vocabularySize) : ITokenConstraint
    {
        public int VocabularySize => vocabularySize;

        public IConstraintState Start() => new State(tokens, vocabularySize);

        private sealed class State(int[] tokens, int vocabularySize) : IConstraintState
        {
            private readonly ulong[] _allowed = new ulong[(vocabularySize + 63) / 64];
            private int _count;

            public ReadOnlySpan<ulong> Allowed
            {
                get
                {
                    Array.Clear(_allowed);
                    if (!MustEnd)
                        _allowed[tokens[_count] / 64] = 1UL << tokens[_count] % 64;
                    return _allowed;
                }
            }

            public bool MayEnd => MustEnd;

            public bool MustEnd => _count == tokens.Length;

            public void Advance(int token) => _count++;
        }
    }
}
