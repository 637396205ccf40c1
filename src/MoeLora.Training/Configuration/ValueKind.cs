using System.Globalization;
using System.Text.Json.Nodes;

namespace MoeLora.Training.Configuration;

/// <summary>A kind of values: how one is read, and how it is written as JSON.</summary>
/// <param name="Wanted">What a value must be, for messages: <c>a whole number</c>.</param>
/// <param name="HelpName">For the help: <c>N</c>.</param>
/// <param name="Read">The value, or false.</param>
/// <param name="Write">Reading it again gives the same value.</param>
internal sealed record ValueKind<T>(string Wanted, string HelpName, ValueKind<T>.Reader Read, Func<T, JsonNode?> Write)
{
    public delegate bool Reader(OptionValue value, out T result);
}

/// <summary>The kinds that options have.</summary>
internal static class ValueKinds
{
    public static readonly ValueKind<string> Text = new("text", "TEXT", ReadText, value => JsonValue.Create(value));

    public static readonly ValueKind<int> Whole = new("a whole number", "N", ReadWhole, value => JsonValue.Create(value));

    public static readonly ValueKind<long> LongWhole = new("a whole number", "N", ReadLong, value => JsonValue.Create(value));

    public static readonly ValueKind<double> Number = new("a number", "X", ReadDecimal, value => JsonValue.Create(value));

    public static readonly ValueKind<float> ShortNumber = new("a number", "X", ReadSingle, value => JsonValue.Create(value));

    public static readonly ValueKind<bool> Switch = new("true or false", "true|false", ReadSwitch, value => JsonValue.Create(value));

    public static readonly ValueKind<IReadOnlyList<string>> List = new("a list of texts", "A,B", ReadList, value => new JsonArray([.. value.Select(item => (JsonNode?)JsonValue.Create(item))]));

    /// <summary>One of a few words.</summary>
    public static ValueKind<T> Choice<T>(params (string Word, T Value)[] choices) => new(
        $"one of {string.Join(", ", choices.Select(choice => choice.Word))}",
        string.Join('|', choices.Select(choice => choice.Word)),
        (OptionValue value, out T result) =>
        {
            int found = value.Form == ValueForm.List ? -1 : Array.FindIndex(choices, choice => choice.Word == value.Items[0]);
            result = found < 0 ? default! : choices[found].Value;
            return found >= 0;
        },
        value => JsonValue.Create(choices.First(choice => Equals(choice.Value, value)).Word));

    /// <summary>A kind, or nothing.</summary>
    public static ValueKind<T?> OrNone<T>(this ValueKind<T> kind)
        where T : struct => new(
        $"{kind.Wanted}, or none",
        kind.HelpName,
        (OptionValue value, out T? result) =>
        {
            result = !value.IsNone && kind.Read(value, out T some) ? some : null;
            return result is not null || value.IsNone;
        },
        value => value is { } some ? kind.Write(some) : null);

    /// <summary>A kind of texts or lists, or nothing.</summary>
    public static ValueKind<T?> OrAbsent<T>(this ValueKind<T> kind)
        where T : class => new(
        $"{kind.Wanted}, or none",
        kind.HelpName,
        (OptionValue value, out T? result) =>
        {
            result = !value.IsNone && kind.Read(value, out T some) ? some : null;
            return result is not null || value.IsNone;
        },
        value => value is null ? null : kind.Write(value));

    private static bool ReadText(OptionValue value, out string result)
    {
        result = value.Items.Count == 1 ? value.Items[0] : "";
        return !value.IsNoText && result.Length > 0;
    }

    private static bool ReadWhole(OptionValue value, out int result) => int.TryParse(value.Bare, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out result);

    private static bool ReadLong(OptionValue value, out long result) => long.TryParse(value.Bare, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out result);

    private static bool ReadDecimal(OptionValue value, out double result) => double.TryParse(value.Bare, NumberStyles.Float, CultureInfo.InvariantCulture, out result) && double.IsFinite(result);

    private static bool ReadSingle(OptionValue value, out float result) => float.TryParse(value.Bare, NumberStyles.Float, CultureInfo.InvariantCulture, out result) && float.IsFinite(result);

    private static bool ReadSwitch(OptionValue value, out bool result)
    {
        result = value.Bare == "true";
        return value.Bare is "true" or "false";
    }

    private static bool ReadList(OptionValue value, out IReadOnlyList<string> result)
    {
        result = value.Form == ValueForm.Flag ? value.Items[0].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) : value.Items;
        return value.Form == ValueForm.Flag || !value.IsNoText || value.Form == ValueForm.List;
    }
}
