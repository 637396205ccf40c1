using System.Text.Json;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Configs;

/// <summary>
/// The keys of a config's object: each is asked for once, with its type and range, and every fault goes to one list.
/// What nobody asked for is a fault too, because it may change what the model computes.
/// </summary>
internal sealed class ConfigFields(JsonMembers members, ProblemList problems, string prefix = "")
{
    private readonly HashSet<string> _understood = new(StringComparer.Ordinal);

    public ProblemList Problems => problems;

    /// <summary>True when the key is there and not null.</summary>
    public bool Has(string key) => Find(key) is not null;

    /// <summary>Accepts keys that do not change what the model computes.</summary>
    public void Accept(IEnumerable<string> keys) => _understood.UnionWith(keys);

    /// <summary>A whole number in a range; the default when absent or null, and a fault when there is no default.</summary>
    public int Int(string key, int min, int max, int? whenAbsent = null)
    {
        if (Find(key) is not { } value)
            return whenAbsent ?? Missing<int>(key, "a whole number");
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) && number >= min && number <= max)
            return number;
        return Wrong<int>(key, value, $"a whole number from {min} to {max}");
    }

    /// <summary>As <see cref="Int"/>, but absent and null are values.</summary>
    public int? OptionalInt(string key, int min, int max) => Has(key) ? Int(key, min, max) : null;

    /// <summary>A finite number over <paramref name="above"/> and at most <paramref name="max"/>.</summary>
    public double Number(string key, double above, double max, double? whenAbsent = null)
    {
        if (Find(key) is not { } value)
            return whenAbsent ?? Missing<double>(key, "a number");
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number > above && number <= max)
            return number;
        return Wrong<double>(key, value, $"a number over {above:R} and at most {max:R}");
    }

    /// <summary>A truth value; the default when absent or null.</summary>
    public bool Bool(string key, bool whenAbsent)
    {
        if (Find(key) is not { } value)
            return whenAbsent;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : Wrong<bool>(key, value, "true or false");
    }

    /// <summary>A text; null when absent or null.</summary>
    public string? Text(string key)
    {
        if (Find(key) is not { } value)
            return null;
        return JsonMembers.Text(value) ?? Wrong<string>(key, value, "text");
    }

    /// <summary>A fault when the key is there with anything but the one value that this implementation computes.</summary>
    public void MustBe(string key, bool value, string because)
    {
        if (Bool(key, value) != value)
            problems.Add($"key '{prefix}{key}' must be {(value ? "true" : "false")}: {because}");
    }

    /// <summary>An object; null when absent or null.</summary>
    public ConfigFields? Object(string key, string file)
    {
        if (Find(key) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.Object)
            return new ConfigFields(JsonMembers.Of(value, file), problems, $"{prefix}{key}.");
        return Wrong<ConfigFields>(key, value, "an object");
    }

    /// <summary>One id or a list of ids, each from 0 up to <paramref name="limit"/>; null when the key is absent, empty when it is null.</summary>
    public IReadOnlyList<int>? Ids(string key, int limit)
    {
        _understood.Add(key);
        if (!members.TryGetValue(key, out JsonElement value))
            return null;
        if (value.ValueKind == JsonValueKind.Null)
            return [];
        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        var ids = new List<int>();
        foreach (JsonElement item in items)
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out int id) || id < 0 || id >= limit)
                return Wrong<IReadOnlyList<int>>(key, value, "a token id below vocab_size, or a list of them") ?? [];
            ids.Add(id);
        }

        return ids;
    }

    /// <summary>A list of texts; null when absent or null.</summary>
    public IReadOnlyList<string>? Texts(string key)
    {
        if (Find(key) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Array)
            return Wrong<IReadOnlyList<string>>(key, value, "a list of texts");
        string?[] texts = [.. value.EnumerateArray().Select(JsonMembers.Text)];
        return texts.Contains(null) ? Wrong<IReadOnlyList<string>>(key, value, "a list of texts") : texts!;
    }

    /// <summary>A fault for every key that nobody asked for.</summary>
    public void RefuseRest(string family)
    {
        foreach (string key in members.Keys.Where(key => !_understood.Contains(key)).Order(StringComparer.Ordinal))
        {
            problems.Add($"key {ProblemList.Quote(prefix + key)} is not understood for {family}; it may change what the model computes. "
                + "Remove it if it is known to change nothing, otherwise the model is not supported.");
        }
    }

    private JsonElement? Find(string key)
    {
        _understood.Add(key);
        return members.TryGetValue(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    private T? Missing<T>(string key, string kind)
    {
        problems.Add($"key '{prefix}{key}' is missing; it must be {kind}.");
        return default;
    }

    private T? Wrong<T>(string key, JsonElement value, string expected)
    {
        string text = value.GetRawText();
        problems.Add($"key '{prefix}{key}' is {(text.Length > 60 ? text[..60] + "…" : text)}; it must be {expected}.");
        return default;
    }
}
