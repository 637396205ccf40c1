using System.Text.Json;
using MoeLora.Adapters.Import;

namespace MoeLora.Adapters.Bundles;

/// <summary>
/// Reads and writes <c>checks.json</c>: {"checks": [{"task": id, "prompt": [ids], "likeliest": [[id, logit]], "log_sum_exp": number,
/// "answer": [ids]}]}. Every key must be there, and no other. Numbers are written so that reading them gives the same bits.
/// </summary>
internal static class ChecksFile
{
    public const string Name = "checks.json";

    private static readonly string[] Keys = ["task", "prompt", "likeliest", "log_sum_exp", "answer"];

    /// <exception cref="AdapterException">The file would be larger than what is read.</exception>
    public static void Write(string path, IReadOnlyList<BundleCheck> checks)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        using (var json = new Utf8JsonWriter(file))
        {
            json.WriteStartObject();
            json.WriteStartArray("checks");
            foreach (BundleCheck check in checks)
                Write(json, check);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        if (file.Length > JsonFile.MaxBytes)
            throw new AdapterException("The checks", [$"they take {file.Length} bytes, and at most {JsonFile.MaxBytes} are read: use fewer or shorter prompts."]);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Reads the checks of an adapter with so many tasks; null after adding to <paramref name="problems"/>.</summary>
    public static IReadOnlyList<BundleCheck>? Read(string path, int taskCount, List<string> problems)
    {
        try
        {
            using JsonDocument document = JsonFile.Read(path);
            if (document.RootElement.GetPropertyCount() != 1 || !document.RootElement.TryGetProperty("checks", out JsonElement list) || list.ValueKind != JsonValueKind.Array)
                throw new FormatException("the file must hold {\"checks\": […]} and nothing else.");
            BundleCheck[] checks = [.. list.EnumerateArray().Select(Read)];
            string[] faults = [.. BundleCheck.FindFaults(checks, taskCount)];
            problems.AddRange(faults.Select(fault => $"{Name}: {fault}"));
            return faults.Length == 0 ? checks : null;
        }
        catch (FormatException e)
        {
            problems.Add($"{Name}: {e.Message}");
            return null;
        }
    }

    private static void Write(Utf8JsonWriter json, BundleCheck check)
    {
        json.WriteStartObject();
        json.WriteNumber("task", check.TaskId);
        WriteIds("prompt", check.Prompt);
        json.WriteStartArray("likeliest");
        foreach (TokenLogit token in check.Likeliest)
        {
            json.WriteStartArray();
            json.WriteNumberValue(token.Token);
            json.WriteNumberValue(token.Logit);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteNumber("log_sum_exp", check.LogSumExp);
        WriteIds("answer", check.Answer);
        json.WriteEndObject();

        void WriteIds(string name, IReadOnlyList<int> ids)
        {
            json.WriteStartArray(name);
            foreach (int id in ids)
                json.WriteNumberValue(id);
            json.WriteEndArray();
        }
    }

    private static BundleCheck Read(JsonElement check, int index)
    {
        string where = $"check {index + 1}";
        if (check.ValueKind != JsonValueKind.Object || check.GetPropertyCount() != Keys.Length || !Keys.All(key => check.TryGetProperty(key, out _)))
            throw new FormatException($"{where} must have {string.Join(", ", Keys)} and nothing else.");
        return new BundleCheck(
            Id(check.GetProperty("task")),
            List(check.GetProperty("prompt"), Id),
            List(check.GetProperty("likeliest"), Pair),
            Number(check.GetProperty("log_sum_exp")),
            List(check.GetProperty("answer"), Id));

        T[] List<T>(JsonElement list, Func<JsonElement, T> read) =>
            list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray().Select(read)] : throw new FormatException($"{where} has {list.ValueKind} in place of a list.");

        TokenLogit Pair(JsonElement pair) =>
            pair.ValueKind == JsonValueKind.Array && pair.GetArrayLength() == 2 ? new TokenLogit(Id(pair[0]), (float)Number(pair[1])) : throw new FormatException($"{where}: likeliest must hold pairs of a token id and a logit.");

        int Id(JsonElement id) =>
            id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out int value) ? value : throw new FormatException($"{where}: {Shown(id)} is not an id.");

        double Number(JsonElement number) =>
            number.ValueKind == JsonValueKind.Number && number.TryGetDouble(out double value) ? value : throw new FormatException($"{where}: {Shown(number)} is not a number.");
    }

    private static string Shown(JsonElement element) => element.ValueKind is JsonValueKind.Array or JsonValueKind.Object ? $"{element.ValueKind}" : element.GetRawText();
}
