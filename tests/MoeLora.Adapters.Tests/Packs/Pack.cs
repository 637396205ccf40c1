using System.Text.Json;
using MoeLora.Adapters.Import;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Adapters.Tests.Packs;

/// <summary>A reference pack of tests/data: a tiny model, its adapter, and what others' code computes with them.</summary>
internal sealed class Pack : IDisposable
{
    private readonly Checkpoint _expected;
    private readonly CpuDevice _device = new(threads: 1);

    public Pack(string name, DType weights = DType.F32)
    {
        Path = PathOf(name);
        _expected = Checkpoint.Open(System.IO.Path.Combine(Path, "expected.safetensors"));
        Published = Checkpoint.Open(Path);
        Model = ModelLoader.Load(Path, _device, weights);
    }

    public string Path { get; }

    public string AdapterPath => System.IO.Path.Combine(Path, "adapter");

    public CausalModel Model { get; }

    public Checkpoint Published { get; }

    public IEnumerable<string> ExpectedNames => _expected.Tensors.Keys.Order(StringComparer.Ordinal);

    public static TheoryData<string> All => ["chatglm-tiny", "llama-tiny", "qwen2-tiny"];

    public static string PathOf(string name)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "MoeLora.Grid.sln")))
            folder = folder.Parent;
        Assert.NotNull(folder);
        return System.IO.Path.Combine(folder.FullName, "tests", "data", name);
    }

    public Adapter ReadAdapter(string? taskNames = null) => AdapterReader.Open(AdapterPath, Model.LinearModules, taskNames);

    public JsonElement Facts()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(System.IO.Path.Combine(Path, "expected.json")));
        return document.RootElement.Clone();
    }

    public int[] Prompt(int index) => [.. Facts().GetProperty("prompts")[index].EnumerateArray().Select(e => e.GetInt32())];

    public float[] Expected(string name) => ToArray(_expected.View(name));

    /// <summary>Logits of all tokens of a prompt, [tokens, vocabulary].</summary>
    public float[] Logits(CausalModel model, int[] prompt, DeltaSet? deltas = null, TaskGateRows? gate = null)
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
        _device.Dispose();
    }

    private static unsafe float[] ToArray(TensorView view)
    {
        Assert.Equal(DType.F32, view.DType);
        return new ReadOnlySpan<float>(view.Data, view.Rows * view.Columns).ToArray();
    }
}
