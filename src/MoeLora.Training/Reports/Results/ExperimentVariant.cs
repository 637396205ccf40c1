using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MoeLora.Training.Reports.Results;

/// <summary>What a variant changes.</summary>
public enum VariantKind
{
    /// <summary>Nothing: the experiment's settings as they are.</summary>
    Main,

    /// <summary>The number of experts, N.</summary>
    Experts,

    /// <summary>The rank in all, r.</summary>
    Rank,

    /// <summary>How batches are drawn from tasks.</summary>
    Sampler,
}

/// <summary>In what a cell differs from the experiment's settings. As text: empty, <c>experts=4</c>, <c>rank=8</c> or <c>sampler=NAME</c>.</summary>
[JsonConverter(typeof(JsonText))]
public readonly record struct ExperimentVariant
{
    private readonly string? _value;

    private ExperimentVariant(VariantKind kind, string value) => (Kind, _value) = (kind, value);

    /// <summary>The experiment's settings as they are.</summary>
    public static ExperimentVariant Main => default;

    /// <summary>What differs.</summary>
    public VariantKind Kind { get; }

    /// <summary>Its value; empty for <see cref="Main"/>.</summary>
    public string Value => _value ?? "";

    /// <summary>Another number of experts.</summary>
    public static ExperimentVariant Experts(int experts) => Number(VariantKind.Experts, experts);

    /// <summary>Another rank.</summary>
    public static ExperimentVariant Rank(int rank) => Number(VariantKind.Rank, rank);

    /// <summary>Another sampler, by the name that it has in configurations.</summary>
    public static ExperimentVariant Sampler(string name) =>
        name.Length > 0 ? new(VariantKind.Sampler, name) : throw new ArgumentException("A sampler has a name.", nameof(name));

    /// <summary>Reads what <see cref="ToString"/> writes.</summary>
    public static bool TryParse(string text, out ExperimentVariant variant)
    {
        variant = Main;
        if (text.Length == 0)
            return true;
        string[] parts = text.Split('=', 2);
        if (parts.Length < 2 || parts[1].Length == 0)
            return false;
        if (parts[0] == "sampler")
        {
            variant = Sampler(parts[1]);
            return true;
        }

        VariantKind? kind = parts[0] switch { "experts" => VariantKind.Experts, "rank" => VariantKind.Rank, _ => null };
        if (kind is null || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int value) || value < 1)
            return false;
        variant = Number(kind.Value, value);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Kind == VariantKind.Main ? "" : $"{JsonNamingPolicy.SnakeCaseLower.ConvertName(Kind.ToString())}={Value}";

    private static ExperimentVariant Number(VariantKind kind, int value)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
        return new(kind, value.ToString(CultureInfo.InvariantCulture));
    }

    private sealed class JsonText : JsonConverter<ExperimentVariant>
    {
        public override ExperimentVariant Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.String && TryParse(reader.GetString()!, out ExperimentVariant variant)
                ? variant
                : throw new JsonException("A variant is an empty text, experts=N, rank=R or sampler=NAME.");

        public override void Write(Utf8JsonWriter writer, ExperimentVariant value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());
    }
}
