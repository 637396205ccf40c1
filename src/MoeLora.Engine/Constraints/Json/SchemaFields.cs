using System.Globalization;
using System.Text.Json;

namespace MoeLora.Engine.Constraints.Json;

/// <summary>The keywords of one schema object: read one by one, those that are left over refused.</summary>
internal sealed class SchemaFields(JsonElement schema, string pointer, List<ConstraintProblem> problems)
{
    /// <summary>The most that a count can be.</summary>
    private const int LargestCount = 1_000_000;

    // They say something about a schema and change nothing about which values fit it.
    private static readonly HashSet<string> Annotations =
        ["title", "description", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly"];

    // At the root they say which document this is and hold what $ref names.
    private static readonly HashSet<string> RootAnnotations = ["$schema", "$id", "$defs", "definitions"];

    private readonly HashSet<string> _read = [];

    /// <summary>Where the schema is.</summary>
    public string Pointer => pointer;

    /// <summary>Whether a keyword is there; it is read from now on.</summary>
    public bool TryRead(string keyword, out JsonElement value)
    {
        _read.Add(keyword);
        return schema.TryGetProperty(keyword, out value);
    }

    /// <summary>Whether a keyword is there.</summary>
    public bool Has(string keyword) => schema.TryGetProperty(keyword, out _);

    /// <summary>A count, or what an absent one means; null when it cannot be used.</summary>
    public int? ReadCount(string keyword, int absent)
    {
        if (!TryRead(keyword, out JsonElement value))
            return absent;
        if (Whole(value) is { } count and >= 0 and <= LargestCount)
            return (int)count;
        Refuse(keyword, $"must be a whole number from 0 to {LargestCount.ToString(CultureInfo.InvariantCulture)}");
        return null;
    }

    /// <summary>A whole number up to a limit in either direction, or what an absent one means; null when it cannot be used.</summary>
    public long? ReadBound(string keyword, long absent, long limit)
    {
        if (!TryRead(keyword, out JsonElement value))
            return absent;
        if (Whole(value) is { } bound && bound >= -limit && bound <= limit)
            return bound;
        Refuse(keyword, $"must be a whole number of at most {limit.ToString(CultureInfo.InvariantCulture).Length} digits: other bounds are not supported");
        return null;
    }

    /// <summary>Refuses a keyword's value.</summary>
    public void Refuse(string keyword, string reason) => problems.Add(new ConstraintProblem($"{pointer}/{Escape(keyword)}", reason));

    /// <summary>Refuses the schema as a whole.</summary>
    public void Refuse(string reason) => problems.Add(new ConstraintProblem(pointer, reason));

    /// <summary>Refuses every keyword that has not been read and means something.</summary>
    public void RefuseOthers()
    {
        foreach (JsonProperty property in schema.EnumerateObject())
        {
            if (_read.Contains(property.Name) || Annotations.Contains(property.Name) || (pointer.Length == 0 && RootAnnotations.Contains(property.Name)))
                continue;
            string supported = string.Join(", ", _read.Order(StringComparer.Ordinal));
            Refuse(property.Name, $"is not supported here: of keywords that change what is valid this schema may have {supported}");
        }
    }

    /// <summary>A name as part of a JSON pointer.</summary>
    public static string Escape(string name) => name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    private static long? Whole(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out decimal number) && decimal.IsInteger(number) && number is >= long.MinValue and <= long.MaxValue
            ? (long)number
            : null;
}
