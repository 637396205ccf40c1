using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

/// <summary>The shared form W0·x + B·(gate ∘ (A·x)) against dense weights recomputed in the test.</summary>
[Collection(Pack.DeviceUsers)]
public sealed class SharedDeltaTests
{
    // Two ways to sum the same products in float32, with deltas large enough to move logits by more than 0.1.
    private const float Tolerance = 1e-4f;

    [Theory]
    [MemberData(nameof(Pack.OnEveryDevice), MemberType = typeof(Pack))]
    public void Forward_RowsOfTwoTasksAndOfNone_EachAsItsDenseWeights(string pack, string deviceName)
    {
        Device device = Pack.Device(deviceName);
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        using var adapter = new SyntheticAdapter(model, slots: 1, _ => true, seed: 1);
        int[][] prompts = Pack.Prompts(pack);
        float[][] first = adapter.NewGate(), second = adapter.NewGate();
        using ModelSequence a = model.StartSequence(prompts[0], prompts[0].Length);
        using ModelSequence b = model.StartSequence(prompts[1], prompts[1].Length);
        using ModelSequence c = model.StartSequence(prompts[2], prompts[2].Length);

        var batch = new StepBatch();
        batch.Add(a, prompts[0], LogitsWanted.All, new TaskGateRows(first), adapter.Deltas);
        batch.Add(b, prompts[1], LogitsWanted.All);
        batch.Add(c, prompts[2], LogitsWanted.All, new TaskGateRows(second), adapter.Deltas);
        float[][] shared = model.Run(batch);

        using CausalModel mergedFirst = adapter.Merge(first), mergedSecond = adapter.Merge(second);
        float[][] dense = [.. mergedFirst.Prefill(prompts[0]), .. model.Prefill(prompts[1]), .. mergedSecond.Prefill(prompts[2])];
        Assert.InRange(Stepping.Distance(dense, shared), 0, Tolerance);
        Assert.True(Stepping.Distance(model.Prefill(prompts[0]), shared[..prompts[0].Length]) > 0.1f, "The deltas must matter.");
    }

    [Theory]
    [MemberData(nameof(Pack.OnEveryDevice), MemberType = typeof(Pack))]
    public void Forward_AGateForEveryModule_EachModuleReadsItsOwn(string pack, string deviceName)
    {
        Device device = Pack.Device(deviceName);
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        using var adapter = new SyntheticAdapter(model, slots: model.LinearModules.Count, _ => true, seed: 2);
        int[] prompt = Pack.Prompts(pack)[0];
        float[][] gate = adapter.NewGate();
        using CausalModel merged = adapter.Merge(gate);

        float[][] shared = model.Prefill(prompt, new TaskGateRows(gate), adapter.Deltas);

        Assert.InRange(Stepping.Distance(merged.Prefill(prompt), shared), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Pack.OnEveryDevice), MemberType = typeof(Pack))]
    public void Forward_OnlyLastRowsWanted_GatesFollowTheirRows(string pack, string deviceName)
    {
        Device device = Pack.Device(deviceName);
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        using var adapter = new SyntheticAdapter(model, slots: 2, module => module.Index % 3 != 0, seed: 3);
        int[][] prompts = Pack.Prompts(pack);
        float[][] first = adapter.NewGate(), second = adapter.NewGate();
        using ModelSequence a = model.StartSequence(prompts[0], prompts[0].Length);
        using ModelSequence b = model.StartSequence(prompts[1], prompts[1].Length);

        var batch = new StepBatch();
        batch.Add(a, prompts[0], LogitsWanted.Last, new TaskGateRows(first), adapter.Deltas);
        batch.Add(b, prompts[1], LogitsWanted.Last, new TaskGateRows(second), adapter.Deltas);
        float[][] shared = model.Run(batch);

        using CausalModel mergedFirst = adapter.Merge(first), mergedSecond = adapter.Merge(second);
        Assert.InRange(Stepping.Distance([mergedFirst.Prefill(prompts[0])[^1], mergedSecond.Prefill(prompts[1])[^1]], shared), 0, Tolerance);
    }

    [Fact]
    public void Forward_StepWithoutGatesAfterOneWithThem_UsesTheModelsOwnWeights()
    {
        Device device = Pack.Device("reference");
        using CausalModel model = ModelLoader.Load(Pack.Directory("llama-tiny"), device, DType.F32);
        using var adapter = new SyntheticAdapter(model, slots: 1, _ => true, seed: 4);
        float[][] bare = model.Prefill([1, 2, 3]);

        model.Prefill([1, 2, 3], new TaskGateRows(adapter.NewGate()), adapter.Deltas);

        Assert.Equal(0, Stepping.Distance(bare, model.Prefill([1, 2, 3], gate: null, adapter.Deltas)));
    }

    [Fact]
    public void Forward_GateThatDoesNotFitTheDeltas_Throws()
    {
        Device device = Pack.Device("reference");
        using CausalModel model = ModelLoader.Load(Pack.Directory("llama-tiny"), device, DType.F32);
        using var adapter = new SyntheticAdapter(model, slots: 1, _ => true, seed: 5);

        Assert.Throws<ArgumentException>(() => model.Prefill([1], new TaskGateRows(adapter.NewGate()), deltas: null));
        Assert.Throws<ArgumentException>(() => model.Prefill([1], new TaskGateRows([new float[SyntheticAdapter.Rank + 1]]), adapter.Deltas));
        Assert.Throws<ArgumentException>(() => model.Prefill([1], new TaskGateRows([.. adapter.NewGate(), .. adapter.NewGate()]), adapter.Deltas));
    }

    [Fact]
    public void Forward_GateOnAMergedModel_ThrowsAndAdvancesNothing()
    {
        Device device = Pack.Device("reference");
        using CausalModel model = ModelLoader.Load(Pack.Directory("llama-tiny"), device, DType.F32);
        using var adapter = new SyntheticAdapter(model, slots: 1, _ => true, seed: 6);
        float[][] gate = adapter.NewGate();
        using CausalModel merged = adapter.Merge(gate);
        using ModelSequence sequence = merged.StartSequence([1, 2], 2);

        var exception = Assert.Throws<ArgumentException>(() => merged.Feed(sequence, [1, 2], LogitsWanted.All, new TaskGateRows(gate), adapter.Deltas));

        Assert.Contains("weights of its own", exception.Message);
        Assert.Equal(0, sequence.Length);
    }
}
