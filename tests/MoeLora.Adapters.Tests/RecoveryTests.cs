using MoeLora.Adapters.Import;
using MoeLora.Adapters.Tests.Packs;
using MoeLora.Models;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Adapters.Tests;

public sealed class RecoveryTests
{
    [Fact]
    public void RecoverModule_ResidentAndPublishedSource_AreBitEqual()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();

        Assert.Equal(
            Recovery.RecoverModule(pack.Model, pack.Published, adapter, 3, adapter.Tasks[4]),
            Recovery.RecoverModule(pack.Model, null, adapter, 3, adapter.Tasks[4]));
    }

    [Fact]
    public void RecoverModule_ModelKeptInQ8_ReadsThePublishedWeights()
    {
        using var exact = new Pack("llama-tiny");
        using var rounded = new Pack("llama-tiny", DType.Q8);
        Adapter adapter = exact.ReadAdapter();

        Assert.Equal(
            Recovery.RecoverModule(exact.Model, exact.Published, adapter, 0, adapter.Tasks[0]),
            Recovery.RecoverModule(rounded.Model, rounded.Published, adapter, 0, adapter.Tasks[0]));
    }

    [Fact]
    public void RecoverModule_GatePerModule_UsesEachModulesOwnGate()
    {
        using var pack = new Pack("llama-tiny");
        using var folder = new TestFolder();
        Adapter adapter = WithGatePerModule(pack, folder);
        AdapterTask task = adapter.Tasks[2];

        for (int module = 0; module < 2; module++)
        {
            float[] expected = Explicit(pack, adapter, module, adapter.Gates[module].Weights(task.Id).ToArray());

            // One rounding of each element of weights up to about 1, and 16 products summed in another order.
            Closeness.AssertClose(expected, Recovery.RecoverModule(pack.Model, pack.Published, adapter, module, task), 1e-6, $"module {module}");
        }
    }

    [Fact]
    public void MergedAndShared_GatePerModule_GiveTheSameLogits()
    {
        using var pack = new Pack("llama-tiny");
        using var folder = new TestFolder();
        Adapter adapter = WithGatePerModule(pack, folder);
        AdapterTask task = adapter.Tasks[2];
        using var bank = adapter.ToDevice(pack.Model);
        using CausalModel merged = Recovery.Merge(pack.Model, pack.Published, adapter, [task]);

        Closeness.AssertClose(
            pack.Logits(merged, pack.Prompt(1)),
            pack.Logits(pack.Model, pack.Prompt(1), bank.Deltas, adapter.GateRows(task)),
            1e-3, // as the packs state for two float32 computations of the same logits
            "logits");
    }

    [Theory]
    [InlineData(DType.BF16)]
    [InlineData(DType.Q8)]
    public void Merge_Format_IsWhatWasAskedFor(DType format)
    {
        using var pack = new Pack("qwen2-tiny");
        Adapter adapter = pack.ReadAdapter();
        using CausalModel merged = Recovery.Merge(pack.Model, pack.Published, adapter, [adapter.Tasks[0]], format);

        Assert.All(merged.LinearModules, m => Assert.Equal(format, merged.Weight(m).DType));
        Assert.All(pack.Model.LinearModules, m => Assert.Equal(DType.F32, pack.Model.Weight(m).DType));
    }

    [Fact]
    public void Merge_Bf16_RoundsTheRecoveredWeightOnce()
    {
        using var pack = new Pack("qwen2-tiny");
        Adapter adapter = pack.ReadAdapter();
        using CausalModel merged = Recovery.Merge(pack.Model, pack.Published, adapter, [adapter.Tasks[1]], DType.BF16);
        float[] exact = Recovery.RecoverModule(pack.Model, pack.Published, adapter, 0, adapter.Tasks[1]);

        Tensor weight = merged.Weight(merged.LinearModules[0]);
        float[] row = new float[weight.Columns];
        merged.Device.Download(weight, 5, row);

        Assert.Equal(exact[(5 * weight.Columns)..(6 * weight.Columns)].Select(NearestBf16), row);
    }

    [Fact]
    public void Merge_Progress_CountsEveryModule()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();
        var seen = new List<RecoveryProgress>();
        using CausalModel merged = Recovery.Merge(pack.Model, pack.Published, adapter, [adapter.Tasks[0]], progress: new Collect(seen));

        Assert.Equal(Enumerable.Range(1, 14).Select(i => new RecoveryProgress(i, 14)), seen);
    }

    [Fact]
    public void Merge_Cancelled_Stops()
    {
        using var pack = new Pack("llama-tiny");
        Adapter adapter = pack.ReadAdapter();

        Assert.Throws<OperationCanceledException>(() => Recovery.Merge(pack.Model, pack.Published, adapter, [adapter.Tasks[0]], cancellation: new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Merge_FilesOfAnotherModel_AreRefused()
    {
        using var pack = new Pack("llama-tiny");
        using var other = new Pack("qwen2-tiny");
        Adapter adapter = pack.ReadAdapter();

        Assert.Throws<CheckpointException>(() => Recovery.Merge(pack.Model, other.Published, adapter, [adapter.Tasks[0]]));
    }

    private static Adapter WithGatePerModule(Pack pack, TestFolder folder)
    {
        var random = new Random(7);
        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() * 2 - 1))];
        var entries = new List<SafetensorsEntry>();
        string[] targets = ["self_attn.q_proj", "self_attn.k_proj"];
        LinearModule[] adapted = [.. pack.Model.LinearModules.Where(m => m.Name.Contains("layers.0.", StringComparison.Ordinal) && targets.Any(t => m.Name.EndsWith(t, StringComparison.Ordinal)))];
        foreach (LinearModule module in adapted)
        {
            string prefix = $"base_model.model.{module.Name}.lora_";
            for (int expert = 0; expert < 4; expert++)
            {
                entries.Add(new SafetensorsEntry($"{prefix}A.loraA.{expert}.weight", [2, module.InFeatures], Values(2 * module.InFeatures)));
                entries.Add(new SafetensorsEntry($"{prefix}B.loraB.{expert}.weight", [module.OutFeatures, 2], Values(2 * module.OutFeatures)));
            }

            entries.Add(new SafetensorsEntry($"{prefix}task_embedding.weight", [4, 3], Values(12)));
            entries.Add(new SafetensorsEntry($"{prefix}gate.GateL.weight", [4, 3], Values(12)));
        }

        SafetensorsWriter.Write(folder.At("adapter_model.safetensors"), entries);
        File.WriteAllText(
            folder.At("adapter_config.json"),
            $$"""
            {"peft_type": "MMOELORA", "r": 8, "lora_alpha": 4, "expert_num": 4, "task_num": 3, "task_embedding_dim": 3,
             "target_modules": ["{{adapted[0].Name}}", "{{adapted[1].Name}}"]}
            """);
        return AdapterReader.Open(folder.Path, pack.Model.LinearModules);
    }

    // W0 + (α/r) · Σ ω_i · B_i · A_i in double precision, straight from the definition.
    private static float[] Explicit(Pack pack, Adapter adapter, int module, float[] omega)
    {
        var adapted = adapter.Bank.Modules[module];
        (int rows, int columns) = (adapted.Module.OutFeatures, adapted.Module.InFeatures);
        float[] result = new float[rows * columns];
        for (int row = 0; row < rows; row++)
        {
            float[] w0 = new float[columns];
            pack.Model.Device.Download(pack.Model.Weight(adapted.Module), row, w0);
            for (int column = 0; column < columns; column++)
            {
                double sum = 0;
                for (int k = 0; k < adapter.Bank.Rank; k++)
                    sum += (double)omega[k / adapter.Bank.ExpertRank] * adapted.B[row * adapter.Bank.Rank + k] * adapted.A[k * columns + column];
                result[row * columns + column] = (float)(w0[column] + adapter.Bank.Scaling * sum);
            }
        }

        return result;
    }

    private static float NearestBf16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        bits += 0x7FFF + ((bits >> 16) & 1); // to nearest, ties to even
        return BitConverter.UInt32BitsToSingle(bits & 0xFFFF0000);
    }

    private sealed class Collect(List<RecoveryProgress> seen) : IProgress<RecoveryProgress>
    {
        public void Report(RecoveryProgress value) => seen.Add(value);
    }
}
