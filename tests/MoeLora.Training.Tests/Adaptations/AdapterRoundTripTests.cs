using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Import;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Tests.Networks;

namespace MoeLora.Training.Tests.Adaptations;

/// <summary>What was trained is what is served.</summary>
public sealed class AdapterRoundTripTests
{
    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (string method in (string[])["shared", "shared top-k", "per module", "uniform", "lora"])
            {
                cases.Add(TinyModel.Llama, method);
                cases.Add(TinyModel.ChatGlm, method);
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Bundle_OfATrainedAdapter_GivesTheNetworksLogits_SharedAndMerged(string kind, string method)
    {
        using var tiny = new TinyModel(kind);
        using var device = new CpuDevice(threads: 1);
        using Network network = tiny.Freeze(device);
        using var adaptation = (ExpertAdaptation)TinyMethods.Create(method, network);
        string bundle = Path.Combine(tiny.Directory, "bundle");
        AdapterBundle.Write(bundle, adaptation.ToAdapter(Names(2)), new AdapterName("a"), new AdapterVersion("1"), BaseModelHash.Hash(tiny.Directory));
        using CausalModel model = ModelLoader.Load(tiny.Directory, device, DType.F32);
        Adapter adapter = AdapterReader.Open(bundle, model.LinearModules);
        using DeviceBank bank = adapter.ToDevice(model);

        foreach (TrainingSample sample in tiny.Samples(network))
        {
            int[] prompt = sample.Tokens[..sample.PromptLength];
            AdapterTask task = adapter.RequireTask($"task{sample.TaskId}");
            float[] expected = Logits(network, adaptation, prompt, sample.TaskId), bare = Logits(model, prompt, null, null);
            using CausalModel merged = Recovery.Merge(model, null, adapter, [task]);

            Near(expected, Logits(model, prompt, bank.Deltas, adapter.GateRows(task)));
            Near(expected, Logits(merged, prompt, null, null));
            Assert.True(expected.Zip(bare, (e, b) => Math.Abs(e - b)).Max() > 0.1, "The adapter changes nothing.");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void From_AnAdapter_AndBack_ChangesNothing(string kind, string method)
    {
        using var tiny = new TinyModel(kind);
        using var device = new CpuDevice(threads: 1);
        using Network network = tiny.Freeze(device);
        using var adaptation = (ExpertAdaptation)TinyMethods.Create(method, network);
        Adapter adapter = adaptation.ToAdapter(Names(2), "base");

        using ExpertAdaptation again = ExpertAdaptation.From(network, adapter);
        Adapter back = again.ToAdapter(Names(2), "base");

        Assert.Equal((adapter.Kind, adapter.TopK, adapter.ParameterCount, adapter.Bank.Alpha, adapter.BaseModelName), (back.Kind, back.TopK, back.ParameterCount, back.Bank.Alpha, back.BaseModelName));
        Assert.Equal(adapter.TargetModules, back.TargetModules);
        foreach ((AdaptedModule module, AdaptedModule other) in adapter.Bank.Modules.Zip(back.Bank.Modules, (m, o) => (m, o)))
        {
            Assert.Equal(module.Module, other.Module);
            Assert.Equal(module.A.ToArray(), other.A.ToArray());
            Assert.Equal(module.B.ToArray(), other.B.ToArray());
        }
        Assert.Equal(adapter.Gates.Select(gate => gate.TaskEmbeddings.ToArray()), back.Gates.Select(gate => gate.TaskEmbeddings.ToArray()));
        Assert.Equal(adapter.Gates.Select(gate => gate.Weight.ToArray()), back.Gates.Select(gate => gate.Weight.ToArray()));
    }

    [Fact]
    public void ToAdapter_OfALoraOfOneTask_IsAPlainLora_OfSeveral_OneExpertThatWeighsOne()
    {
        using var tiny = new TinyModel(TinyModel.Llama);
        using var device = new CpuDevice(threads: 1);
        using Network network = tiny.Freeze(device);
        var settings = new ExpertSettings { Gate = GateKind.None, Rank = 3 };
        using var one = new ExpertAdaptation(network, settings, taskCount: 1, seed: 1);
        using var several = new ExpertAdaptation(network, settings, taskCount: 3, seed: 1);

        Adapter adapter = several.ToAdapter(Names(3));

        Assert.Equal(AdapterKind.Lora, one.ToAdapter(Names(1)).Kind);
        Assert.Equal(AdapterKind.SharedGate, adapter.Kind);
        Assert.All(adapter.Tasks, task => Assert.Equal([1f], adapter.Weights(task)[0]));
    }

    [Fact]
    public void ExpertAdaptation_OfChosenModules_AdaptsThoseOnly()
    {
        using var tiny = new TinyModel(TinyModel.Llama);
        using var device = new CpuDevice(threads: 1);
        using Network network = tiny.Freeze(device);
        var settings = new ExpertSettings { TargetModules = ["q_proj", "model.layers.1.mlp.up_proj"] };

        using var adaptation = new ExpertAdaptation(network, settings, taskCount: 1, seed: 1);

        Assert.Equal(["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj", "model.layers.1.mlp.up_proj"], adaptation.Modules.Select(module => module.Name));
        Assert.Throws<ArgumentException>(() => adaptation.Layer(network.LinearModules[1]));
        Assert.Contains("no_proj", Assert.Throws<ArgumentException>(() => new ExpertAdaptation(network, settings with { TargetModules = ["no_proj", "o_proj"] }, 1, 1)).Message);
    }

    [Fact]
    public void From_AnAdapterOfAnotherModel_IsRefused()
    {
        using TinyModel llama = new(TinyModel.Llama), wide = new(TinyModel.ChatGlm);
        using var device = new CpuDevice(threads: 1);
        using Network network = llama.Freeze(device), other = wide.Freeze(device);
        using Adaptation adaptation = TinyMethods.Create("shared", network);

        Assert.Throws<ArgumentException>(() => ExpertAdaptation.From(other, ((ExpertAdaptation)adaptation).ToAdapter(Names(2))));
    }

    private static TaskName[] Names(int count) => [.. Enumerable.Range(1, count).Select(id => new TaskName($"task{id}"))];

    private static float[] Logits(Network network, Adaptation adaptation, int[] prompt, int task)
    {
        using KvCache cache = network.Device.CreateKvCache(network.Config.LayerCount, network.Config.KeyValueHeadCount, network.Config.HeadDim, prompt.Length);
        var pass = new PassRows();
        pass.Add(prompt, task, network.ShapeOf(prompt), cache, past: 0);
        return Row(network.Decode(pass, adaptation), network.Device);
    }

    private static float[] Logits(CausalModel model, int[] prompt, DeltaSet? deltas, TaskGateRows? gate)
    {
        using ModelSequence sequence = model.StartSequence(prompt, prompt.Length);
        using Tensor logits = model.Device.Allocate(DType.F32, 1, model.Config.VocabularySize);
        var batch = new StepBatch();
        batch.Add(sequence, prompt, LogitsWanted.Last, gate, deltas);
        model.Forward(batch, logits);
        return Row(logits, model.Device);
    }

    private static float[] Row(Tensor logits, Device device)
    {
        float[] row = new float[logits.Columns];
        device.Download(logits, 0, row);
        return row;
    }

    // Logits of about 5 from sums of float32 in another order.
    private static void Near(float[] expected, float[] actual)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], 1e-4);
    }
}
