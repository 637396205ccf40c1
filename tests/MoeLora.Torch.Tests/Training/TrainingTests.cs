using System.Text.Json;
using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Training.Batches;
using MoeLora.Training.Optimization;
using MoeLora.Training.Tests.Networks;

namespace MoeLora.Torch.Tests.Training;

/// <summary>Training on libtorch.</summary>
public sealed class TrainingTests
{
    private const string Prefix = "grad.base_model.model.";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TrainBatch_OfChatGlm_GivesTheReferenceLossAndGradients(bool checkpointing) => Check(TorchDevice.OpenCpu(Threads.One), checkpointing);

    [CudaFact]
    public void TrainBatch_OnCuda_GivesTheReferenceLossAndGradients() => Check(TorchDevice.OpenCuda(0), checkpointing: false);

    [Fact]
    public void Steps_OfTheOptimizer_LeadWhereTheCpusDo()
    {
        using TorchDevice torch = TorchDevice.OpenCpu(Threads.One);
        using var cpu = new CpuDevice(1);
        (double[] expected, double[] actual) = (Losses(cpu), Losses(torch));
        for (int step = 0; step < expected.Length; step++)
            Assert.Equal(expected[step], actual[step], 1e-4 * expected[step]); // gradients agree to 1e-4 of their size, and steps are of that size
        Assert.InRange(actual[^1], 0, 0.9 * actual[0]);
    }

    private static void Check(TorchDevice opened, bool checkpointing)
    {
        using TorchDevice device = opened;
        using var pack = new Pack("chatglm-tiny", device);
        pack.Network.Checkpointing = checkpointing;
        JsonElement facts = pack.Facts.GetProperty("train_batch");
        PackedBatch batch = Batch(pack, facts);

        double loss = pack.Network.Accumulate(batch, pack.Adaptation, 1f / batch.Targets.Length, dropoutSeed: 1) / batch.Targets.Length;

        Assert.Equal(facts.GetProperty("loss").GetDouble(), loss, 1e-4 * loss);
        int compared = 0;
        foreach (LinearModule module in pack.Adaptation.Modules.Where(module => module.Name.Contains("layers.0.", StringComparison.Ordinal)))
        {
            (float[] a, float[] b) = (pack.Adaptation.Layer(module).A.GradientToArray(), pack.Adaptation.Layer(module).B.GradientToArray());
            for (int expert = 0; expert < 8; expert++, compared += 2)
            {
                Near(pack.Expected($"{Prefix}{module.Name}.lora_A.loraA.{expert}.weight"), a.AsSpan(expert * 2 * module.InFeatures, 2 * module.InFeatures).ToArray());
                Near(pack.Expected($"{Prefix}{module.Name}.lora_B.loraB.{expert}.weight"), [.. b.Where((_, i) => i % 16 / 2 == expert)]);
            }
        }
        Assert.Equal(64, compared);
        Near(pack.Expected("grad.lora_task_embedding.weight"), pack.Adaptation.Parameters.Single(p => p.Name == "task_embedding").GradientToArray());
        Near(pack.Expected("grad.lora_gate.GateL.weight"), pack.Adaptation.Parameters.Single(p => p.Name == "gate").GradientToArray());
    }

    /// <summary>The losses of ten steps on one batch.</summary>
    private static double[] Losses(Device device)
    {
        using var pack = new Pack("chatglm-tiny", device);
        PackedBatch batch = Batch(pack, pack.Facts.GetProperty("train_batch"));
        using var optimizer = new Optimizer(pack.Adaptation.Parameters, new OptimizerSettings { LearningRate = 1e-2 });
        double[] losses = new double[10];
        for (int step = 1; step <= losses.Length; step++)
        {
            foreach (var parameter in pack.Adaptation.Parameters)
                device.Fill(parameter.Gradient, 0, parameter.Gradient.Rows);
            losses[step - 1] = pack.Network.Accumulate(batch, pack.Adaptation, 1f / batch.Targets.Length, dropoutSeed: (ulong)step) / batch.Targets.Length;
            optimizer.Step(step, losses.Length, optimizer.GradientNorm());
        }
        return losses;
    }

    private static PackedBatch Batch(Pack pack, JsonElement facts)
    {
        var batch = new PackedBatch();
        for (int i = 0; i < 2; i++)
            batch.Add(pack.Sample(Pack.Ints(facts.GetProperty("input_ids")[i]), Pack.Ints(facts.GetProperty("labels")[i]), facts.GetProperty("task_id")[i].GetInt32()));
        return batch;
    }

    // 1e-4 relative to the tensor's largest element: single elements may be sums that cancel.
    private static void Near(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        double tolerance = 1e-4 * expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"Element {i} is {actual[i]:R}, expected {expected[i]:R}.");
    }
}
