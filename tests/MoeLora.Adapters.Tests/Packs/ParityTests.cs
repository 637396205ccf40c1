using MoeLora.Adapters.Experts;
using MoeLora.Models;

namespace MoeLora.Adapters.Tests.Packs;

/// <summary>Agreement with the reference packs, in float32, within the tolerances that the packs state.</summary>
public sealed class ParityTests
{
    private const double LogitTolerance = 1e-3;
    private const double GateTolerance = 1e-5;
    private const double WeightTolerance = 1e-5;

    [Theory]
    [MemberData(nameof(Pack.All), MemberType = typeof(Pack))]
    public void Gate_EachTask_GivesReferenceWeights(string name)
    {
        using var pack = new Pack(name);
        Adapter adapter = pack.ReadAdapter();

        foreach (AdapterTask task in adapter.Tasks)
            Closeness.AssertClose(pack.Expected($"gate.{task.Id}"), Assert.Single(adapter.Weights(task)).Values, GateTolerance, $"gate.{task.Id}");
        Assert.Equal(adapter.Tasks.Count, pack.ExpectedNames.Count(n => n.StartsWith("gate.", StringComparison.Ordinal) && n != "gate.0")); // gate.0 is the padding row
    }

    [Theory]
    [MemberData(nameof(Pack.All), MemberType = typeof(Pack))]
    public void RecoverModule_TaskTwo_GivesReferenceWeights(string name)
    {
        using var pack = new Pack(name);
        Adapter adapter = pack.ReadAdapter();
        string[] tensors = [.. pack.ExpectedNames.Where(n => n.StartsWith("merged.task2.", StringComparison.Ordinal))];

        Assert.NotEmpty(tensors);
        foreach (string tensor in tensors)
        {
            int module = Position(adapter, tensor["merged.task2.".Length..]);
            float[] weight = Recovery.RecoverModule(pack.Model, pack.Published, adapter, module, adapter.RequireTask("2"));
            Closeness.AssertClose(pack.Expected(tensor), weight, WeightTolerance, tensor);
        }
    }

    [Theory]
    [MemberData(nameof(Pack.All), MemberType = typeof(Pack))]
    public void MergedModel_EveryTaskAndPrompt_GivesReferenceLogits(string name)
    {
        using var pack = new Pack(name);
        Adapter adapter = pack.ReadAdapter();

        foreach (AdapterTask task in adapter.Tasks)
        {
            using CausalModel merged = Recovery.Merge(pack.Model, pack.Published, adapter, [task]);
            for (int prompt = 0; prompt < 3; prompt++)
                Closeness.AssertClose(pack.Expected($"task{task.Id}.logits.{prompt}"), pack.Logits(merged, pack.Prompt(prompt)), LogitTolerance, $"task {task} prompt {prompt}");
        }
    }

    [Theory]
    [MemberData(nameof(Pack.All), MemberType = typeof(Pack))]
    public void SharedBank_EveryTaskAndPrompt_GivesReferenceLogits(string name)
    {
        using var pack = new Pack(name);
        Adapter adapter = pack.ReadAdapter();
        using DeviceBank bank = adapter.ToDevice(pack.Model);

        foreach (AdapterTask task in adapter.Tasks)
        {
            for (int prompt = 0; prompt < 3; prompt++)
                Closeness.AssertClose(pack.Expected($"task{task.Id}.logits.{prompt}"), pack.Logits(pack.Model, pack.Prompt(prompt), bank.Deltas, adapter.GateRows(task)), LogitTolerance, $"task {task} prompt {prompt}");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void ComposedTask_MergedAndShared_GivesReferenceLogits(bool isMerged)
    {
        using var pack = new Pack("chatglm-tiny");
        Adapter adapter = pack.ReadAdapter();
        AdapterTask[] both = [adapter.RequireTask("1"), adapter.RequireTask("2")];
        using DeviceBank bank = adapter.ToDevice(pack.Model);
        using CausalModel merged = Recovery.Merge(pack.Model, pack.Published, adapter, both);

        float[] logits = isMerged
            ? pack.Logits(merged, pack.Prompt(0))
            : pack.Logits(pack.Model, pack.Prompt(0), bank.Deltas, adapter.GateRows(both));

        Closeness.AssertClose(pack.Expected("multihot_1_2.logits.0"), logits, LogitTolerance, "multihot");
    }

    [Fact]
    public void BaseModel_WithAdapterResident_IsUnchanged()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();
        float[] before = pack.Logits(pack.Model, pack.Prompt(0));

        using DeviceBank bank = adapter.ToDevice(pack.Model);
        using CausalModel merged = Recovery.Merge(pack.Model, pack.Published, adapter, [adapter.Tasks[0]]);
        pack.Logits(merged, pack.Prompt(0));

        Assert.Equal(before, pack.Logits(pack.Model, pack.Prompt(0)));
    }

    // The Llama pack leaves out self_attn and mlp in the names of its merged tensors.
    private static int Position(Adapter adapter, string name)
    {
        string layer = name[..name.LastIndexOf('.')];
        return Assert.Single(Enumerable.Range(0, adapter.Bank.Modules.Count), i =>
        {
            LinearModule module = adapter.Bank.Modules[i].Module;
            return module.Name == name || (module.Name.StartsWith(layer + ".", StringComparison.Ordinal) && module.ShortName == name[(layer.Length + 1)..]);
        });
    }
}
