using MoeLora.Adapters;
using MoeLora.Engine.Generation;
using MoeLora.Models;

namespace MoeLora.Engine.Tests.Generation;

/// <summary>The likeliest tokens of every task equal those that other implementations computed.</summary>
public sealed class PackGenerationTests
{
    [Theory]
    [InlineData(Pack.Llama)]
    [InlineData(Pack.Qwen2)]
    [InlineData(Pack.ChatGlm)]
    public void Greedy_Shared_EqualsTheReference(string name)
    {
        using var pack = new Pack(name);
        using var generator = new Generator(pack.Model, null);

        foreach (AdapterTask task in pack.Adapter.Tasks)
            AssertEqualsReference(pack, task, generator, TaskModel.Shared(pack.Model, pack.Bank.Deltas, pack.Adapter.GateRows(task)));
    }

    [Theory]
    [InlineData(Pack.Llama)]
    [InlineData(Pack.Qwen2)]
    [InlineData(Pack.ChatGlm)]
    public void Greedy_Merged_EqualsTheReference(string name)
    {
        using var pack = new Pack(name);
        using var generator = new Generator(pack.Model, null);

        foreach (AdapterTask task in pack.Adapter.Tasks)
        {
            using CausalModel merged = Recovery.Merge(pack.Model, null, pack.Adapter, [task]);
            AssertEqualsReference(pack, task, generator, TaskModel.Own(merged));
        }
    }

    private static void AssertEqualsReference(Pack pack, AdapterTask task, Generator generator, TaskModel model)
    {
        int[] expected = pack.Greedy(task);
        var output = new CollectedOutput();

        GenerationResult result = generator.Run(model, pack.Prompt, new GenerationSettings { MaxTokens = expected.Length }, output);

        Assert.Equal(expected, output.Ids);
        Assert.Equal(pack.Prompt.Length, result.PromptTokens);
        Assert.Equal(expected.Length, result.CompletionTokens);
        bool ended = pack.Model.Config.EndTokenIds.Contains(expected[^1]);
        Assert.Equal(ended ? GenerationEnd.EndToken : GenerationEnd.MaxTokens, result.End);
    }
}
