using MoeLora.Contracts;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Serving.Tests;

/// <summary>Each way of serving answers with the tokens that other implementations computed, and says what made them.</summary>
public sealed class PackServingTests
{
    public static TheoryData<string, bool, bool> Ways() => new()
    {
        { Packs.Qwen2, false, false },
        { Packs.Qwen2, true, false },
        { Packs.Qwen2, true, true },
        { Packs.ChatGlm, false, false },
        { Packs.ChatGlm, true, false },
    };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Greedy_OfEveryTask_EqualsTheReference(string pack, bool merged, bool atStart)
    {
        await using var grid = new LocalGrid(Packs.Shared(pack) with { MergeAllTasks = merged, MergeAtStart = atStart });
        await grid.LoadAsync();

        foreach ((int task, int[] expected) in Packs.Greedy(pack))
        {
            CollectedAnswer answer = await grid.AnswerAsync(Answers.Request($"{task}", Packs.Prompt(pack), expected.Length));

            Assert.Equal(expected, answer.Ids);
            Assert.Equal("", answer.Text); // the packs have no tokenizer
            Assert.Equal(task, answer.Finished.Provenance.TaskId);
            Assert.Equal(merged ? ServingMode.Merged : ServingMode.Shared, answer.Finished.Provenance.Mode);
            Assert.Equal(new TokenUsage(Packs.Prompt(pack).Length, expected.Length), answer.Finished.Usage);
            Assert.Equal(FinishReason.Length, answer.Finished.Reason);
            Assert.Equal(expected.Length - 1, answer.Finished.Timings.DecodedTokens);
        }
    }

    [Fact]
    public async Task Answer_BegunElsewhere_GoesOnAndCountsAsDecodedWhatIsDecodedHere()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.Qwen2));
        await grid.LoadAsync();
        (int task, int[] expected) = Packs.Greedy(Packs.Qwen2).First();

        CollectedAnswer answer = await grid.AnswerAsync(Answers.Request($"{task}", Packs.Prompt(Packs.Qwen2), expected.Length) with { Begun = [expected[..3]] });

        Assert.Equal(expected[3..], answer.Ids);
        Assert.Equal(expected.Length, answer.Finished.Usage.CompletionTokens); // a caller pays for the whole answer, wherever it was made
        Assert.Equal(expected.Length - 4, answer.Finished.Timings.DecodedTokens);
    }

    [Fact]
    public async Task Provenance_NamesAllThatMadeTheAnswer()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.Qwen2));
        await grid.LoadAsync();

        CollectedAnswer answer = await grid.AnswerAsync(Answers.Request("3", Packs.Prompt(Packs.Qwen2), 2) with { Seed = -5 });

        Provenance provenance = answer.Finished.Provenance;
        Assert.Equal("sha256:" + BaseModelHash.Hash(Packs.Qwen2), provenance.BaseModelHash);
        Assert.Matches("^sha256:[0-9a-f]{64}$", provenance.AdapterHash);
        Assert.Equal("3", provenance.Task);
        Assert.Equal(-5, provenance.Seed);
        Assert.Equal("f32", provenance.WeightsFormat);
        Assert.Contains("2 threads", provenance.Device);
        using Checkpoint expected = Checkpoint.Open(Path.Combine(Packs.Qwen2, "expected.safetensors"));
        float[] gate = Floats(expected.View("gate.3"));
        IReadOnlyList<float> weights = Assert.Single(provenance.GateWeights);
        Assert.Equal(gate.Length, weights.Count);
        Assert.All(gate.Zip(weights), pair => Assert.Equal(pair.First, pair.Second, 1e-5f)); // the packs' own tolerance
    }

    [Fact]
    public async Task Provenance_WithoutASeed_NamesTheOneThatRepeatsTheAnswer()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.Qwen2));
        await grid.LoadAsync();
        GenerationRequest request = Answers.Request("1", Packs.Prompt(Packs.Qwen2), 40) with { Temperature = 2 };

        CollectedAnswer first = await grid.AnswerAsync(request);
        CollectedAnswer other = await grid.AnswerAsync(request);
        CollectedAnswer again = await grid.AnswerAsync(request with { Seed = first.Finished.Provenance.Seed });

        Assert.Equal(first.Ids, again.Ids);
        Assert.NotEqual(first.Finished.Provenance.Seed, other.Finished.Provenance.Seed);
        Assert.NotEqual(first.Ids, other.Ids);
    }

    [Fact]
    public async Task Base_ServedByItself_HasItsDirectorysNameAndNoTask()
    {
        await using var grid = new LocalGrid(new LocalGridOptions { ModelDirectory = Packs.Qwen2 + "/", AdapterDirectory = null, Threads = 1 });
        await grid.LoadAsync();

        CollectedAnswer answer = await grid.AnswerAsync(Answers.Request("qwen2-tiny", Packs.Prompt(Packs.Qwen2), 2));

        Assert.Equal(2, answer.Ids.Count);
        Assert.Equal(ServingMode.Base, answer.Finished.Provenance.Mode);
        Assert.Null(answer.Finished.Provenance.AdapterHash);
        Assert.Null(answer.Finished.Provenance.TaskId);
        Assert.Empty(answer.Finished.Provenance.GateWeights);
        Assert.Equal(GridErrorKind.ModelNotFound, (await grid.RefusalAsync(Answers.Request("1", [1], 2))).Kind);
    }

    [Fact]
    public async Task Base_WithAnAdapter_IsNeverServed()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.Qwen2));
        await grid.LoadAsync();

        GridError error = await grid.RefusalAsync(Answers.Request("qwen2-tiny", Packs.Prompt(Packs.Qwen2), 2));

        Assert.Equal(GridErrorKind.ModelNotFound, error.Kind);
        Assert.Equal("There is no task 'qwen2-tiny'. There are: 1, 2, 3, 4, 5, 6.", error.Message);
    }

    [Fact]
    public async Task Models_WithSomeMerged_SayWhich()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.Qwen2) with { MergedTasks = ["2", "5"], Weights = DType.BF16 });
        await grid.LoadAsync();

        Assert.True((await grid.ListModelsAsync()).TryGet(out IReadOnlyList<ModelDescription>? models, out _));
        CollectedAnswer merged = await grid.AnswerAsync(Answers.Request("5", Packs.Prompt(Packs.Qwen2), 1));
        CollectedAnswer shared = await grid.AnswerAsync(Answers.Request("6", Packs.Prompt(Packs.Qwen2), 1));

        Assert.Equal(["1", "2", "3", "4", "5", "6"], models.Select(model => model.Id));
        Assert.Equal([2, 5], models.Where(model => model.Mode == ServingMode.Merged).Select(model => model.TaskId!.Value));
        Assert.All(models, model => Assert.Equal(("qwen2-tiny", 512), (model.BaseModel, model.ContextLength)));
        Assert.Equal(ServingMode.Merged, merged.Finished.Provenance.Mode);
        Assert.Equal(ServingMode.Shared, shared.Finished.Provenance.Mode);
        Assert.Equal("bf16", shared.Finished.Provenance.WeightsFormat);
    }

    private static unsafe float[] Floats(TensorView view) => new Span<float>(view.Data, view.Rows * view.Columns).ToArray();
}
