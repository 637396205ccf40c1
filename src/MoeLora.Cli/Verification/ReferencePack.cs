using System.Text.Json;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Cli.Verification;

/// <summary>
/// A reference pack: a model, an adapter, and what another implementation computed from them (<c>expected.json</c>,
/// <c>expected.safetensors</c>).
/// </summary>
internal sealed class ReferencePack : IDisposable
{
    private readonly Checkpoint _expected;

    private ReferencePack(string directory, Contents contents, Checkpoint expected)
    {
        Directory = directory;
        Expects = contents;
        _expected = expected;
    }

    /// <summary>The pack, which is also the model's directory.</summary>
    public string Directory { get; }

    /// <summary>The adapter's directory.</summary>
    public string AdapterDirectory => Path.Combine(Directory, "adapter");

    /// <summary>Prompts, tokens and counts.</summary>
    public Contents Expects { get; }

    /// <summary>Names of the expected tensors.</summary>
    public IEnumerable<string> TensorNames => _expected.Tensors.Keys;

    /// <summary>Opens a pack.</summary>
    /// <exception cref="CommandException">It is none, or its parts contradict each other; lists every problem.</exception>
    public static ReferencePack Open(string directory)
    {
        string json = Path.Combine(directory, "expected.json");
        string tensors = Path.Combine(directory, "expected.safetensors");
        string[] missing = [.. new[] { json, tensors, Path.Combine(directory, "adapter", "adapter_config.json") }.Where(file => !File.Exists(file))];
        if (missing.Length > 0)
            throw new CommandException($"'{directory}' is not a reference pack; there is no {string.Join(", no ", missing.Select(file => Path.GetRelativePath(directory, file)))}.");
        Contents contents;
        try
        {
            contents = JsonSerializer.Deserialize<Contents>(File.ReadAllBytes(json), Format) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new CommandException($"{json} cannot be read: {e.Message}");
        }

        if (contents.Prompts.Count == 0 || contents.GreedyPrompt < 0 || contents.GreedyPrompt >= contents.Prompts.Count)
            throw new CommandException($"{json}: 'greedy_prompt' {contents.GreedyPrompt} is not one of its {contents.Prompts.Count} prompts.");
        return new ReferencePack(directory, contents, Checkpoint.Open(tensors));
    }

    /// <summary>The values of an expected tensor, row by row, converted to F32 by <paramref name="device"/>.</summary>
    public float[] Values(string name, Device device)
    {
        TensorView view = _expected.View(name);
        using Tensor tensor = device.Allocate(DType.F32, view.Rows, view.Columns);
        device.Upload(view, tensor);
        float[] values = new float[checked(view.Rows * view.Columns)];
        for (int row = 0; row < view.Rows; row++)
            device.Download(tensor, row, values.AsSpan(row * view.Columns, view.Columns));
        return values;
    }

    public void Dispose() => _expected.Dispose();

    private static readonly JsonSerializerOptions Format = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary><c>expected.json</c>.</summary>
    internal sealed record Contents
    {
        /// <summary>Token ids.</summary>
        public required IReadOnlyList<int[]> Prompts { get; init; }

        /// <summary>Task id → the tokens generated from <see cref="GreedyPrompt"/>, the end token included.</summary>
        public IReadOnlyDictionary<string, int[]> Greedy { get; init; } = new Dictionary<string, int[]>();

        /// <summary>Position in <see cref="Prompts"/>.</summary>
        public int GreedyPrompt { get; init; }

        /// <summary>Parameters that training changes.</summary>
        public long? Trainable { get; init; }

        /// <summary>Parameters of base model and adapter.</summary>
        public long? Total { get; init; }

        /// <summary>A batch with its loss; null when the pack has none.</summary>
        public TrainBatch? TrainBatch { get; init; }
    }
}
