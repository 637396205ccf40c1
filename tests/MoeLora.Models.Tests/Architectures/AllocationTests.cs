using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

[Collection(Pack.DeviceUsers)]
public sealed class AllocationTests
{
    private const int Warmup = 5;
    private const int Steps = 50;

    [Theory]
    [InlineData("chatglm-tiny")]
    [InlineData("llama-tiny")]
    public void Forward_FiftyDecodeStepsOnPoolBlocks_AllocateNothing(string pack)
    {
        Device device = Pack.Device("cpu");
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, DType.F32);
        int[] prompt = Pack.Prompts(pack)[0];
        using KvPool pool = model.CreateKvPool(KvPool.DefaultBlockPositions, 12);
        using ModelSequence first = model.StartSequence(prompt, pool.CreateCache());
        using Tensor logits = device.Allocate(DType.F32, 2, model.Config.VocabularySize);
        var batch = new StepBatch();
        Assert.True(first.Cache.TryReserve(prompt.Length));
        batch.Add(first, prompt, LogitsWanted.Last);
        model.Forward(batch, logits);
        using ModelSequence second = first.Fork();
        int[] token = [7];
        for (int i = 0; i < Warmup; i++)
            Step();

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Steps; i++)
            Step();

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.True(first.Cache.BlockCount > 1); // blocks were taken on the way

        void Step()
        {
            batch.Clear();
            Add(first);
            Add(second);
            model.Forward(batch, logits);
        }

        void Add(ModelSequence sequence)
        {
            if (!sequence.Cache.TryReserve(sequence.Length, sequence.Length + 1))
                throw new InvalidOperationException("The pool is too small for this test.");
            batch.Add(sequence, token, LogitsWanted.Last);
        }
    }

    [Theory]
    [InlineData("chatglm-tiny", DType.F32, false)]
    [InlineData("chatglm-tiny", DType.Q8, true)]
    [InlineData("llama-tiny", DType.BF16, false)]
    [InlineData("llama-tiny", DType.F32, true)]
    [InlineData("qwen2-tiny", DType.Q8, false)]
    [InlineData("qwen2-tiny", DType.F16, true)]
    public void Forward_FiftyDecodeSteps_AllocateNothing(string pack, DType weights, bool shared)
    {
        Device device = Pack.Device("cpu");
        using CausalModel model = ModelLoader.Load(Pack.Directory(pack), device, weights);
        using var adapter = new SyntheticAdapter(model, slots: 1, _ => true, seed: 6);
        TaskGateRows? gate = shared ? new TaskGateRows(adapter.NewGate()) : null;
        int[][] prompts = Pack.Prompts(pack);
        using ModelSequence first = model.StartSequence(prompts[0], prompts[0].Length + Warmup + Steps);
        using ModelSequence second = model.StartSequence(prompts[1], prompts[1].Length + Warmup + Steps);
        using Tensor logits = device.Allocate(DType.F32, 2, model.Config.VocabularySize);
        var batch = new StepBatch();
        Feed(prompts[0], prompts[1]);
        int[] a = [7], b = [9];
        for (int i = 0; i < Warmup; i++)
            Feed(a, b);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < Steps; i++)
            Feed(a, b);

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Feed(int[] firstTokens, int[] secondTokens)
        {
            batch.Clear();
            batch.Add(first, firstTokens, LogitsWanted.Last, gate, adapter.Deltas);
            batch.Add(second, secondTokens, LogitsWanted.Last);
            model.Forward(batch, logits);
        }
    }
}
