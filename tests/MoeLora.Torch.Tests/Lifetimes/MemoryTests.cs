using System.Diagnostics;
using MoeLora.Adapters.Experts;
using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Torch.Tests.Packs;
using MoeLora.Training.Batches;
using MoeLora.Training.Tests.Networks;
using TorchSharp;
using Tensor = MoeLora.Tensors.Tensor;

namespace MoeLora.Torch.Tests.Lifetimes;

/// <summary>Native memory over many steps: nothing waits for the collector, which does not see it.</summary>
public sealed class MemoryTests
{
    private static readonly int Steps = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 10_000 : 500;

    [Fact]
    public void Steps_OfAMixedBatch_LeaveNativeMemoryAsItWas()
    {
        using TorchDevice device = TorchDevice.OpenCpu(Threads.One);
        using var pack = new ModelPack("llama-tiny", device);
        using DeviceBank bank = pack.Adapter.ToDevice(pack.Model);
        AssertFlat(device, () => Generate(pack, bank, 16));
    }

    [Fact]
    public void Steps_OfTraining_LeaveNativeMemoryAsItWas()
    {
        using TorchDevice device = TorchDevice.OpenCpu(Threads.One);
        using var pack = new Pack("llama-tiny", device);
        var batch = new PackedBatch();
        batch.Add(new TrainingSample([.. pack.Prompt(0), 7], pack.Prompt(0).Length, 1, pack.Network.ShapeOf(pack.Prompt(0))));
        AssertFlat(device, () =>
        {
            for (int i = 0; i < 4; i++)
                pack.Network.Accumulate(batch, pack.Adaptation, 1, dropoutSeed: 1);
        });
    }

    [Fact]
    public void Operands_WithTheCollectorAtWork_AreNotFreedUnderACall()
    {
        using TorchDevice device = TorchDevice.OpenCpu(Threads.One);
        using var pack = new ModelPack("qwen2-tiny", device);
        float[] expected = ModelPack.Logits(pack.Model, pack.Prompt(0));
        using var stop = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            for (int i = 0; i < 20; i++)
                Assert.Equal(expected, ModelPack.Logits(pack.Model, pack.Prompt(0)));
        }
        finally
        {
            stop.Cancel();
            collector.Join();
        }
    }

    [Fact]
    public void Device_Disposed_FreesWhatItsUsersForgot()
    {
        long before = torch.Tensor.TotalCount;
        using (TorchDevice device = TorchDevice.OpenCpu(Threads.One))
        {
            device.Allocate(DType.Q8, 10, 100);
            device.CreateKvPool(2, 2, 16, 32, 4);
            Assert.NotEqual(0, device.ResidentBytes);
        }
        Assert.Equal(before, torch.Tensor.TotalCount);
    }

    /// <summary>Runs steps in ten parts. From the second on the number of native tensors is the same after each, and the process grows by less than they would be worth.</summary>
    private static void AssertFlat(TorchDevice device, Action part)
    {
        for (int warm = 0; warm < 3; warm++)
            part();
        (long tensors, long resident, long bytes) = Measure();
        for (int step = 0; step < Steps; step += 16)
        {
            part();
            Assert.Equal(tensors, torch.Tensor.TotalCount);
            Assert.Equal(resident, device.ResidentBytes);
        }
        // A leak of one row of 64 floats for each of some 30 operations of a step would be 80 MiB in the long form; what the allocator keeps in pieces is far less.
        Assert.InRange(Measure().Bytes - bytes, long.MinValue, 48 << 20);

        (long Tensors, long Resident, long Bytes) Measure()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            using Process self = Process.GetCurrentProcess();
            return (torch.Tensor.TotalCount, device.ResidentBytes, self.WorkingSet64);
        }
    }

    /// <summary>A prompt, and steps of two tasks and the base model beside each other.</summary>
    private static void Generate(ModelPack pack, DeviceBank bank, int steps)
    {
        CausalModel model = pack.Model;
        ModelSequence[] sequences = [.. Enumerable.Range(0, 3).Select(i => model.StartSequence(pack.Prompt(i), pack.Prompt(i).Length + steps))];
        using Tensor logits = model.Device.Allocate(DType.F32, 3, model.Config.VocabularySize);
        int[][] next = [pack.Prompt(0), pack.Prompt(1), pack.Prompt(2)];
        var batch = new StepBatch();
        for (int step = 0; step <= steps; step++)
        {
            for (int i = 0; i < 3; i++)
                batch.Add(sequences[i], next[i], LogitsWanted.Last, i < 2 ? pack.Adapter.GateRows(pack.Adapter.Tasks[i]) : null, i < 2 ? bank.Deltas : null);
            model.Forward(batch, logits);
            batch.Clear();
            for (int i = 0; i < 3; i++)
                next[i] = [model.Device.ArgMax(logits, i)!.Value];
        }
        foreach (ModelSequence sequence in sequences)
            sequence.Dispose();
    }
}
