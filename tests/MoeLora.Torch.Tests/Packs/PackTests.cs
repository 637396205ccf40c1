using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Torch.Tests.Packs;

/// <summary>Whole models on libtorch, in F32, against the reference packs; tolerances as for the CPU, those that the packs state.</summary>
public sealed class PackTests : IDisposable
{
    private const double LogitTolerance = 1e-3;
    private const double WeightTolerance = 1e-5;

    private readonly TorchDevice _device = TorchDevice.OpenCpu(Threads.One);

    public void Dispose() => _device.Dispose();

    [Theory]
    [MemberData(nameof(ModelPack.All), MemberType = typeof(ModelPack))]
    public void Logits_OfEveryTaskMergedAndShared_AreTheReferences(string name) => CheckLogits(name, _device);

    [CudaFact]
    public void Logits_OnCuda_AreTheReferences()
    {
        using TorchDevice device = TorchDevice.OpenCuda(0);
        foreach (string name in new[] { "chatglm-tiny", "llama-tiny", "qwen2-tiny" })
            CheckLogits(name, device);
    }

    [Theory]
    [MemberData(nameof(ModelPack.All), MemberType = typeof(ModelPack))]
    public void RecoverModule_TaskTwo_GivesReferenceWeights(string name)
    {
        using var pack = new ModelPack(name, _device);
        string[] tensors = [.. pack.ExpectedNames.Where(n => n.StartsWith("merged.task2.", StringComparison.Ordinal))];
        Assert.NotEmpty(tensors);
        foreach (string tensor in tensors)
        {
            float[] weight = Recovery.RecoverModule(pack.Model, pack.Published, pack.Adapter, Position(pack.Adapter, tensor["merged.task2.".Length..]), pack.Adapter.RequireTask("2"));
            Close(pack.Expected(tensor), weight, WeightTolerance, tensor);
        }
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.BF16)]
    [InlineData(DType.Q8)]
    public void Recovery_OfATask_LeavesTheBaseWeightsAsTheyWere(DType format)
    {
        using var pack = new ModelPack("llama-tiny", _device, format);
        float[][] before = Weights(pack.Model);
        float[] logits = ModelPack.Logits(pack.Model, pack.Prompt(0));

        using (CausalModel merged = Recovery.Merge(pack.Model, pack.Published, pack.Adapter, [pack.Adapter.Tasks[0]]))
            Assert.NotEqual(logits, ModelPack.Logits(merged, pack.Prompt(0)));

        Assert.Equal(before, Weights(pack.Model));
        Assert.Equal(logits, ModelPack.Logits(pack.Model, pack.Prompt(0)));
    }

    [Theory]
    [InlineData(DType.F16, 0.02)]
    [InlineData(DType.BF16, 0.15)]
    [InlineData(DType.Q8, 0.3)]
    public void Logits_OfNarrowerWeights_EqualTheCpusOfTheSameWeights(DType format, double change)
    {
        // The weights are the same numbers on both devices, so only sums differ; how far the format itself moves the logits shows that it was used.
        using var cpu = new Tensors.Cpu.CpuDevice(1);
        using ModelPack pack = new("qwen2-tiny", _device, format), same = new("qwen2-tiny", cpu, format), exact = new("qwen2-tiny", cpu);
        float[] logits = ModelPack.Logits(pack.Model, pack.Prompt(1));

        Close(ModelPack.Logits(same.Model, pack.Prompt(1)), logits, LogitTolerance, $"{format} logits");
        float[] full = ModelPack.Logits(exact.Model, pack.Prompt(1));
        Assert.InRange(full.Zip(logits, (a, b) => Math.Abs(a - b)).Max(), LogitTolerance / 100, change);
    }

    private static void CheckLogits(string name, Device device)
    {
        using var pack = new ModelPack(name, device);
        using DeviceBank bank = pack.Adapter.ToDevice(pack.Model);
        foreach (AdapterTask task in pack.Adapter.Tasks)
        {
            using CausalModel merged = Recovery.Merge(pack.Model, pack.Published, pack.Adapter, [task]);
            for (int prompt = 0; prompt < 3; prompt++)
            {
                float[] expected = pack.Expected($"task{task.Id}.logits.{prompt}");
                Close(expected, ModelPack.Logits(merged, pack.Prompt(prompt)), LogitTolerance, $"{name}, task {task.Id} merged, prompt {prompt}");
                Close(expected, ModelPack.Logits(pack.Model, pack.Prompt(prompt), bank.Deltas, pack.Adapter.GateRows(task)), LogitTolerance, $"{name}, task {task.Id} shared, prompt {prompt}");
            }
        }
    }

    private static void Close(float[] expected, float[] actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"{what}: element {i} is {actual[i]:R}, expected {expected[i]:R}.");
    }

    private static float[][] Weights(CausalModel model) => [.. model.LinearModules.Select(module =>
    {
        Tensor weight = model.Weight(module);
        float[] values = new float[weight.Rows * weight.Columns];
        for (int row = 0; row < weight.Rows; row++)
            model.Device.Download(weight, row, values.AsSpan(row * weight.Columns, weight.Columns));
        return values;
    })];

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
