using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace MoeLora.Serving.Tests;

/// <summary>The reference packs in <c>tests/data</c>, and what others' code answers with them.</summary>
internal static class Packs
{
    public static string Data { get; } = FindData();

    public static string Qwen2 { get; } = Path.Combine(Data, "qwen2-tiny");

    public static string ChatGlm { get; } = Path.Combine(Data, "chatglm-tiny");

    public static string AdapterOf(string pack) => Path.Combine(pack, "adapter");

    public static LocalGridOptions Shared(string pack) => new() { ModelDirectory = pack, AdapterDirectory = AdapterOf(pack), Threads = 2 };

    public static int[] Prompt(string pack)
    {
        JsonElement root = Expected(pack);
        return Ids(root.GetProperty("prompts")[root.GetProperty("greedy_prompt").GetInt32()]);
    }

    /// <summary>Task ids with the likeliest tokens after <see cref="Prompt"/>.</summary>
    public static IReadOnlyDictionary<int, int[]> Greedy(string pack) =>
        Expected(pack).GetProperty("greedy").EnumerateObject().ToDictionary(entry => int.Parse(entry.Name, CultureInfo.InvariantCulture), entry => Ids(entry.Value));

    /// <summary>A copy of the Qwen2 pack's model with a tokenizer: one token for each byte, and an end token.</summary>
    public static string WithTokenizer(string directory)
    {
        Directory.CreateDirectory(directory);
        foreach (string file in new[] { "config.json", "model.safetensors" })
            File.Copy(Path.Combine(Qwen2, file), Path.Combine(directory, file));
        JsonNode tokenizer = JsonNode.Parse(File.ReadAllBytes(Path.Combine(Data, "tokenizers", "bpe", "tokenizer.json")))!;
        JsonNode model = tokenizer["model"]!;
        var bytes = new JsonObject();
        foreach ((string token, JsonNode? id) in model["vocab"]!.AsObject())
        {
            if (id!.GetValue<int>() < 256)
                bytes[token] = id.GetValue<int>();
        }

        model["vocab"] = bytes;
        model["merges"] = new JsonArray();
        JsonArray added = tokenizer["added_tokens"]!.AsArray();
        while (added.Count > 1)
            added.RemoveAt(1);
        added[0]!["id"] = 256;
        File.WriteAllText(Path.Combine(directory, "tokenizer.json"), tokenizer.ToJsonString());
        return directory;
    }

    private static JsonElement Expected(string pack) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(pack, "expected.json"))).RootElement;

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    private static string FindData()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "MoeLora.Grid.sln")))
            directory = directory.Parent;
        return Path.Combine(directory?.FullName ?? throw new InvalidOperationException("The tests do not run inside the repository."), "tests", "data");
    }
}
