using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Torch.Tests.Packs;

namespace MoeLora.Torch.Tests.Engine;

/// <summary>The engine on libtorch: the CPU device's greedy tokens, and the same ones in any batch.</summary>
public sealed class EngineTests
{
    private const int MostTokens = 12;

    [Theory]
    [MemberData(nameof(ModelPack.All), MemberType = typeof(ModelPack))]
    public void GreedyTokens_OfMixedTasks_AreTheReferencesAndTheCpus(string name)
    {
        using TorchDevice torch = TorchDevice.OpenCpu(Threads.One);
        using var cpu = new CpuDevice(1);
        int[][] expected = Tokens(name, cpu, together: true);

        Assert.Equal(expected, Tokens(name, torch, together: true));
        Assert.Equal(expected, Tokens(name, torch, together: false));
    }

    [CudaFact]
    public void GreedyTokens_OnCuda_AreTheCpus()
    {
        using TorchDevice torch = TorchDevice.OpenCuda(0);
        using var cpu = new CpuDevice(1);
        foreach (string name in new[] { "chatglm-tiny", "llama-tiny", "qwen2-tiny" })
            Assert.Equal(Tokens(name, cpu, together: true), Tokens(name, torch, together: true));
    }

    /// <summary>Answers of every task, on the bank and merged, to all of the pack's prompts.</summary>
    private static int[][] Tokens(string name, Device device, bool together)
    {
        using var pack = new ModelPack(name, device);
        using DeviceBank bank = pack.Adapter.ToDevice(pack.Model);
        CausalModel[] merged = [.. pack.Adapter.Tasks.Select(task => Recovery.Merge(pack.Model, null, pack.Adapter, [task]))];
        TaskModel[] tasks =
        [
            .. pack.Adapter.Tasks.Select(task => TaskModel.Shared(pack.Model, bank.Deltas, pack.Adapter.GateRows(task))), .. merged.Select(TaskModel.Own), TaskModel.Own(pack.Model),
        ];
        try
        {
            using var engine = new BatchEngine(pack.Model, null, new EngineOptions { Blocks = 256, StepTokens = together ? 11 : 256, QueueLength = 200, TenantQueueLength = 200 });
            var outputs = new List<TokenOutput>();
            foreach (int prompt in (int[])[0, 1, 2])
            {
                foreach (TaskModel task in tasks)
                {
                    var output = new TokenOutput();
                    outputs.Add(output);
                    Assert.True(engine.TrySubmit(new EngineRequest { Task = task, Prompt = pack.Prompt(prompt), Settings = new GenerationSettings { MaxTokens = MostTokens } }, output).IsAccepted);
                    if (!together)
                        output.Wait();
                }
            }
            outputs.ForEach(output => output.Wait());
            CheckReference(pack, tasks, outputs);
            return [.. outputs.Select(output => output.Tokens.ToArray())];
        }
        finally
        {
            foreach (CausalModel model in merged)
                model.Dispose();
        }
    }

    /// <summary>The pack says what its own tasks answer to one of the prompts.</summary>
    private static void CheckReference(ModelPack pack, TaskModel[] tasks, List<TokenOutput> outputs)
    {
        int prompt = Enumerable.Range(0, 3).FirstOrDefault(i => pack.Prompt(i).SequenceEqual(pack.GreedyPrompt), -1);
        for (int i = 0; prompt >= 0 && i < pack.Adapter.Tasks.Count; i++)
        {
            int[] greedy = [.. pack.Greedy(pack.Adapter.Tasks[i]).TakeWhile(token => !pack.Model.Config.EndTokenIds.Contains(token)).Take(MostTokens)];
            Assert.Equal(greedy, outputs[prompt * tasks.Length + i].Tokens.Take(greedy.Length));
            Assert.Equal(greedy, outputs[prompt * tasks.Length + pack.Adapter.Tasks.Count + i].Tokens.Take(greedy.Length));
        }
    }
}
