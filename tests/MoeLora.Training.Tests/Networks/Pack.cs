using System.Text.Json;
using MoeLora.Adapters;
using MoeLora.Adapters.Import;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;

namespace MoeLora.Training.Tests.Networks;

/// <summary>A reference pack of tests/data as a network with its adapter.</summary>
internal sealed class Pack : IDisposable
{
    private readonly Checkpoint _expected;

    public Pack(string name, Device device)
    {
        Path = PathOf(name);
        Network = NetworkLoader.Load(Path, device, DType.F32);
        Adapter = AdapterReader.Open(System.IO.Path.Combine(Path, "adapter"), Network.LinearModules);
        Adaptation = ExpertAdaptation.From(Network, Adapter);
        _expected = Checkpoint.Open(System.IO.Path.Combine(Path, "expected.safetensors"));
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(System.IO.Path.Combine(Path, "expected.json")));
        Facts = document.RootElement.Clone();
    }

    public string Path { get; }

    public Network Network { get; }

    public Adapter Adapter { get; }

    public ExpertAdaptation Adaptation { get; }

    public JsonElement Facts { get; }

    public static string PathOf(string name)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "MoeLora.Grid.sln")))
            folder = folder.Parent;
        Assert.NotNull(folder);
        return System.IO.Path.Combine(folder.FullName, "tests", "data", name);
    }

    public static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];

    public int[] Prompt(int index) => Ints(Facts.GetProperty("prompts")[index]);

    public unsafe float[] Expected(string name)
    {
        TensorView view = _expected.View(name);
        return new ReadOnlySpan<float>(view.Data, view.Rows * view.Columns).ToArray();
    }

    /// <summary>A sample from input ids and labels, where −100 marks tokens that the loss is not taken on.</summary>
    public TrainingSample Sample(int[] tokens, int[] labels, int task)
    {
        int prompt = Array.FindIndex(labels, label => label >= 0);
        return new TrainingSample(tokens, prompt, task, Network.ShapeOf(tokens.AsSpan(0, prompt)));
    }

    public void Dispose()
    {
        Adaptation.Dispose();
        Network.Dispose();
        _expected.Dispose();
    }
}
