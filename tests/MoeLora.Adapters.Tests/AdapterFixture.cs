using System.Text.Json.Nodes;
using MoeLora.Adapters.Import;
using MoeLora.Models;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Adapters.Tests;

/// <summary>
/// A small valid adapter of any kind for a made-up base model, which a test changes before it is saved: 2 layers of q_proj [6, 4] and
/// k_proj [3, 4], q_proj adapted; rank 4, 2 experts, 3 tasks of 5 elements.
/// </summary>
internal sealed class AdapterFixture
{
    public const int Rank = 4;
    public const int Experts = 2;
    public const int TaskCount = 3;
    public const int Dimension = 5;

    private static readonly string[] Adapted = ["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"];

    public AdapterFixture(AdapterKind kind, int seed = 1)
    {
        Kind = kind;
        Random = new Random(seed);
        Config = new JsonObject
        {
            ["peft_type"] = kind.PeftType(),
            ["task_type"] = kind == AdapterKind.Lora ? "CAUSAL_LM" : "CAUSAL_LMS",
            ["r"] = Rank,
            ["lora_alpha"] = 8,
            ["target_modules"] = new JsonArray("q_proj"),
        };
        if (kind == AdapterKind.Lora)
        {
            foreach (string module in Adapted)
            {
                Add($"base_model.model.{module}.lora_A.weight", Rank, 4);
                Add($"base_model.model.{module}.lora_B.weight", 6, Rank);
            }

            return;
        }

        Config["expert_num"] = Experts;
        Config["task_num"] = TaskCount;
        Config["task_embedding_dim"] = Dimension;
        foreach (string module in Adapted)
        {
            for (int expert = 0; expert < Experts; expert++)
            {
                Add($"base_model.model.{module}.lora_A.loraA.{expert}.mlp.weight", Rank / Experts, 4);
                Add($"base_model.model.{module}.lora_B.loraB.{expert}.mlp.weight", 6, Rank / Experts);
            }

            if (kind == AdapterKind.GatePerModule)
                AddGate($"base_model.model.{module}.");
        }

        if (kind == AdapterKind.SharedGate)
            AddGate("");
    }

    public static IReadOnlyList<LinearModule> Modules { get; } =
    [
        new(0, "model.layers.0.self_attn.q_proj", 6, 4),
        new(1, "model.layers.0.self_attn.k_proj", 3, 4),
        new(2, "model.layers.1.self_attn.q_proj", 6, 4),
        new(3, "model.layers.1.self_attn.k_proj", 3, 4),
    ];

    public AdapterKind Kind { get; }

    public Random Random { get; }

    public JsonObject Config { get; }

    public Dictionary<string, SafetensorsEntry> Tensors { get; } = [];

    public static string A(int layer, int expert) => $"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_A.loraA.{expert}.mlp.weight";

    public static string B(int layer, int expert) => $"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_B.loraB.{expert}.mlp.weight";

    public float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(Random.NextDouble() - 0.5))];

    public void Add(string name, int rows, int columns) => Add(name, rows, columns, Values(rows * columns));

    public void Add(string name, int rows, int columns, float[] values) => Tensors[name] = new SafetensorsEntry(name, [rows, columns], values);

    public string Save(TestFolder folder, string name = "adapter")
    {
        string directory = Directory.CreateDirectory(folder.At(name)).FullName;
        File.WriteAllText(Path.Combine(directory, "adapter_config.json"), Config.ToJsonString());
        SafetensorsWriter.Write(Path.Combine(directory, "adapter_model.safetensors"), Tensors.Values);
        return directory;
    }

    public Adapter Read(string? taskNamesFile = null)
    {
        using var folder = new TestFolder();
        return AdapterReader.Open(Save(folder), Modules, taskNamesFile);
    }

    /// <summary>Reads what must be refused.</summary>
    public IReadOnlyList<string> Problems()
    {
        using var folder = new TestFolder();
        string path = Save(folder);
        return Assert.Throws<AdapterException>(() => AdapterReader.Open(path, Modules)).Problems;
    }

    private void AddGate(string prefix)
    {
        Add(prefix + "lora_task_embedding.weight", TaskCount + 1, Dimension);
        Add(prefix + "lora_gate.GateL.weight", Experts, Dimension);
    }
}
