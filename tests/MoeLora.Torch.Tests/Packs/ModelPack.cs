using System.Text.Json;
using MoeLora.Adapters;
using MoeLora.Adapters.Import;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Torch.Tests.Packs;

/// <summary>A reference pack of tests/data on any device: a tiny model, its adapter, and what others' code computes with them.</summary>
internal sealed class ModelPack : IDisposable
{
    private readonly Checkpoint _expected;
    private readonly JsonDocument _facts;

    public ModelPack(string name, Device device, DType weights = DType.F32)
    {
        string directory = Path.Combine(DataDirectory, name);
        _expected = Checkpoint.Open(Path.Combine(directory, "expected.safetensors"));
        _facts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, "expected.json")));
        Published = Checkpoint.Open(directory);
        Model = ModelLoader.Load(Published, Models.Configs.ModelConfigReader.Read(directory), device, weights);
        Adapter = AdapterReader.Open(Path.Combine(directory, "adapter"), Model.LinearModules);
    }

    public static TheoryData<string> All => ["chatglm-tiny", "llama-tiny", "qwen2-tiny"];

    public CausalModel Model { get; }

    public Adapter Adapter { get; }

    public Checkpoint Published { get; }

    public IEnumerable<string> ExpectedNames => _expected.Tensors.Keys.Order(StringComparer.Ordinal);

    /// <summary>The prompt that the expected answers continue.</summary>
    public int[] GreedyPrompt => Prompt(_facts.RootElement.GetProperty("greedy_prompt").GetInt32());

    private static string DataDirectory
    {
        get
        {
            DirectoryInfo? folder = new(AppContext.BaseDirectory);
            while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "MoeLora.Grid.sln")))
                folder = folder.Parent;
            Assert.NotNull(folder);
            return Path.Combine(folder.FullName, "tests", "data");
        }
    }

    public int[] Prompt(int index) => Ints(_facts.RootElement.GetProperty("prompts")[index]);

    /// <summary>The likeliest tokens after <see cref="GreedyPrompt"/>, an end token included.</summary>
    public int[] Greedy(AdapterTask task) => Ints(_facts.RootElement.GetProperty("greedy").GetProperty(task.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)));

    public unsafe float[] Expected(string name)
    {
        TensorView view = _expected.View(name);
        return new ReadOnlySpan<float>(view.Data, view.Rows * view.Columns).ToArray();
    }

    /// <summary>Logits of all tokens of a prompt, [tokens, vocabulary].</summary>
    public static float[] Logits(CausalModel model, int[] prompt, DeltaSet? deltas = null, TaskGateRows? gate = null)
    {
        using ModelSequence sequence = model.StartSequence(prompt, prompt.Length);
        using Tensor logits = model.Device.Allocate(DType.F32, prompt.Length, model.Config.VocabularySize);
        var batch = new StepBatch();
        batch.Add(sequence, prompt, LogitsWanted.All, gate, deltas);
        model.Forward(batch, logits);
        float[] result = new float[prompt.Length * model.Config.VocabularySize];
        for (int row = 0; row < prompt.Length; row++)
            model.Device.Download(logits, row, result.AsSpan(row * model.Config.VocabularySize, model.Config.VocabularySize));
        return result;
    }

    public void Dispose()
    {
        Model.Dispose();
        Published.Dispose();
        _expected.Dispose();
        _facts.Dispose();
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];
}
