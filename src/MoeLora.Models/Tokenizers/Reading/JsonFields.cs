using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace MoeLora.Models.Tokenizers.Reading;

/// <summary>
/// Reads an object of a parsed document, whose names are valid and different, field by field. What is missing, of the wrong type, or never asked for becomes a problem;
/// reading goes on, with a value that the caller never uses because problems end in an exception.
/// </summary>
internal sealed class JsonFields
{
    private readonly Dictionary<string, JsonElement> _fields;
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    private JsonFields(string where, Dictionary<string, JsonElement> fields, ProblemList problems)
    {
        Where = where;
        _fields = fields;
        Problems = problems;
    }

    /// <summary>Where the object is in the file; empty for the outermost.</summary>
    public string Where { get; }

    /// <summary>Where problems go.</summary>
    public ProblemList Problems { get; }

    /// <summary>Opens an object. A problem and no fields when the element is not an object.</summary>
    public static JsonFields Open(JsonElement element, string where, ProblemList problems)
    {
        var fields = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        if (element.ValueKind != JsonValueKind.Object)
            problems.Add(Name(where), $"is {Kind(element)}, not an object");
        else
            foreach (var member in element.EnumerateObject())
                fields[member.Name] = member.Value;
        return new JsonFields(where, fields, problems);
    }

    /// <summary>A string's text. False when the element is not a string of valid Unicode.</summary>
    public static bool TryText(JsonElement element, [NotNullWhen(true)] out string? text)
    {
        text = null;
        try
        {
            text = element.ValueKind == JsonValueKind.String ? element.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            // An escape such as \uD800 without its partner: there is no way to ask beforehand.
        }

        return text is not null;
    }

    /// <summary>A JSON value's kind in words.</summary>
    public static string Kind(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.Null => "null",
        _ => "true or false",
    };

    /// <summary>The path of a field of this object.</summary>
    public string Path(string name) => Where.Length == 0 ? name : $"{Where}.{name}";

    /// <summary>A field that may be missing; null is the same as missing.</summary>
    public JsonElement? Optional(string name)
    {
        _asked.Add(name);
        return _fields.TryGetValue(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    /// <summary>A field that must be there and not be null; a problem when it is not.</summary>
    public JsonElement? Required(string name)
    {
        if (Optional(name) is { } value)
            return value;
        Problem(name, "is missing");
        return null;
    }

    /// <summary>An object field that must be there.</summary>
    public JsonFields? Object(string name) => Required(name) is { } value ? Open(value, Path(name), Problems) : null;

    /// <summary>The elements of an array field; empty, with a problem, when it is missing or no array.</summary>
    public IEnumerable<JsonElement> Array(string name)
    {
        if (Required(name) is not { } value)
            return [];
        if (value.ValueKind == JsonValueKind.Array)
            return value.EnumerateArray();
        Problem(name, $"is {Kind(value)}, not an array");
        return [];
    }

    /// <summary>The objects of an array field; as <see cref="Array"/>, and a problem for each element that is no object.</summary>
    public IEnumerable<JsonFields> Objects(string name) =>
        Array(name).Select((element, index) => Open(element, $"{Path(name)}[{index}]", Problems));

    /// <summary>A text field that must be there; empty, with a problem, when it is not.</summary>
    public string Text(string name)
    {
        if (Required(name) is not { } value)
            return "";
        if (TryText(value, out var text))
            return text;
        Problem(name, value.ValueKind == JsonValueKind.String ? "is not valid Unicode (half of a surrogate pair)" : $"is {Kind(value)}, not a string");
        return "";
    }

    /// <summary>A field of true or false.</summary>
    /// <param name="name">The field.</param>
    /// <param name="whenMissing">Its value when it is missing; null when it must be there.</param>
    public bool Flag(string name, bool? whenMissing = null)
    {
        var value = whenMissing is null ? Required(name) : Optional(name);
        if (value is null)
            return whenMissing ?? false;
        if (value.Value.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
            Problem(name, $"is {Kind(value.Value)}, not true or false");
        return value.Value.ValueKind == JsonValueKind.True;
    }

    /// <summary>An id field that must be there: a whole number from 0. Null, with a problem, when it is not.</summary>
    public int? Id(string name)
    {
        if (Required(name) is not { } value)
            return null;
        if (TryId(value, out var id))
            return id;
        Problem(name, NotAnId(value));
        return null;
    }

    /// <summary>A whole number from 0.</summary>
    public static bool TryId(JsonElement element, out int id)
    {
        id = 0;
        return element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out id) && id >= 0;
    }

    /// <summary>What is wrong with an element that is no id.</summary>
    public static string NotAnId(JsonElement element) =>
        $"{(element.ValueKind == JsonValueKind.Number ? element.GetRawText() : $"is {Kind(element)}, which")} is not a token id (a whole number from 0)";

    /// <summary>Adds a problem with a field.</summary>
    public void Problem(string name, string what) => Problems.Add(Path(name), what);

    /// <summary>Leaves fields unread: they cannot change any id.</summary>
    public void Ignore(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            _asked.Add(name);
    }

    /// <summary>Makes every field that was never asked for a problem: it may mean something for the ids.</summary>
    public void RefuseOthers()
    {
        foreach (var name in _fields.Keys.Where(name => !_asked.Contains(name)))
            Problem(name, "is a field that this reader does not know, and it may change the ids");
    }

    private static string Name(string where) => where.Length == 0 ? "the file" : where;
}
