using System.Globalization;
using System.Text;

namespace MoeLora.Adapters;

/// <summary>The name of one of an adapter's tasks, such as <c>CMeEE-V2</c>.</summary>
/// <remarks>
/// 1 to 128 characters of valid Unicode, no control characters, no white space at the ends, and no <c>@</c>, which separates a
/// task from a version (<c>task@version</c>). Compared exactly.
/// </remarks>
public readonly record struct TaskName
{
    /// <summary>Longest name, in UTF-16 code units.</summary>
    public const int MaxLength = 128;

    private readonly string? _value;

    /// <summary>Takes a name that follows the rules of the type.</summary>
    /// <exception cref="FormatException">It does not; the message says which rule.</exception>
    public TaskName(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (Fault(value) is { } fault)
            throw new FormatException(fault);
        _value = value;
    }

    /// <summary>The default name of a task that has none: its id as text.</summary>
    public static TaskName OfId(int id) => new(id.ToString(CultureInfo.InvariantCulture));

    /// <summary>Reads a name without throwing.</summary>
    public static bool TryParse(string? text, out TaskName name)
    {
        bool valid = text is not null && Fault(text) is null;
        name = valid ? new TaskName(text!) : default;
        return valid;
    }

    /// <summary>The name.</summary>
    public override string ToString() => _value ?? "";

    private static string? Fault(string value)
    {
        if (value.Length is 0 or > MaxLength)
            return $"A task name has 1 to {MaxLength} characters; this one has {value.Length}.";
        if (char.IsWhiteSpace(value[0]) || char.IsWhiteSpace(value[^1]))
            return $"The task name '{value}' begins or ends with white space.";
        if (value.Contains('@'))
            return $"The task name '{value}' contains '@', which separates a task from a version.";
        for (int i = 0; i < value.Length;)
        {
            if (Rune.DecodeFromUtf16(value.AsSpan(i), out Rune rune, out int used) != System.Buffers.OperationStatus.Done || Rune.IsControl(rune))
                return $"The task name '{value}' contains a control character or half a surrogate pair.";
            i += used;
        }

        return null;
    }
}
