using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Parameters;

/// <summary>
/// Reads values out of a JSON body, strictly, and collects every problem instead of stopping at the first. A null is the same as
/// leaving a parameter out. Names of nested parameters are written as <c>outer.inner</c> and <c>list[3].inner</c>. After
/// <see cref="MostProblems"/> problems it says only that there are more, and nothing is read on: a body costs no more for being wrong.
/// </summary>
internal sealed class ParameterReader
{
    /// <summary>Problems that are told one by one.</summary>
    public const int MostProblems = 20;

    private readonly List<ApiError> _problems = [];

    /// <summary>Whether more problems than are told were found: what is left need not be read.</summary>
    public bool HasTooMany => _problems.Count > MostProblems;

    public IReadOnlyList<ApiError> Problems => _problems;

    /// <summary>Reads a body's JSON object. The caller disposes the document.</summary>
    public static bool TryParse(ReadOnlyMemory<byte> body, [NotNullWhen(true)] out JsonDocument? document, [NotNullWhen(false)] out ApiError? error)
    {
        document = null;
        error = null;
        if (!Utf8.IsValid(body.Span))
        {
            error = ApiError.Caller(400, "invalid_json", "The request body is not valid UTF-8.");
            return false;
        }

        try
        {
            document = JsonDocument.Parse(body);
        }
        catch (JsonException exception)
        {
            // Our own words: the exception's message may quote the body.
            error = ApiError.Caller(400, "invalid_json", $"The request body is not valid JSON: see line {exception.LineNumber + 1}, byte {exception.BytePositionInLine + 1}.");
            return false;
        }

        if (document.RootElement.ValueKind == JsonValueKind.Object)
            return true;
        document.Dispose();
        document = null;
        error = ApiError.Caller(400, "invalid_type", "The request body must be a JSON object.");
        return false;
    }

    /// <summary>An object's members, each name once, with <paramref name="prefix"/> in front.</summary>
    public IEnumerable<(string Name, JsonElement Value)> Members(JsonElement element, string prefix = "")
    {
        var seen = new HashSet<string>();
        foreach (JsonProperty property in element.EnumerateObject())
        {
            if (HasTooMany)
                yield break;
            if (!JsonText.TryGetName(property, out string? name))
                Refuse(ApiError.Caller(400, "invalid_json", "A parameter's name holds half of an escaped surrogate pair, which is not text."));
            else if (!seen.Add(name))
                Refuse(prefix + name, "invalid_value", "is given more than once");
            else
                yield return (prefix + name, property.Value);
        }
    }

    /// <summary>Whether the value is a JSON object; null and (refused) anything else is not.</summary>
    public bool IsObject(string name, JsonElement value) => IsKind(name, value, JsonValueKind.Object, "must be an object");

    /// <summary>Whether the value is a JSON array; null and (refused) anything else is not.</summary>
    public bool IsArray(string name, JsonElement value) => IsKind(name, value, JsonValueKind.Array, "must be an array");

    public void Read(string name, JsonElement value, ref int target)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number))
            target = number;
        else
            Refuse(name, "invalid_type", "must be a 32-bit integer");
    }

    public void Read(string name, JsonElement value, ref int? target)
    {
        int number = 0;
        int before = _problems.Count;
        Read(name, value, ref number);
        if (value.ValueKind != JsonValueKind.Null && _problems.Count == before)
            target = number;
    }

    public void Read(string name, JsonElement value, ref long? target)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number))
            target = number;
        else
            Refuse(name, "invalid_type", "must be a 64-bit integer");
    }

    public void Read(string name, JsonElement value, ref double target)
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number))
            target = number;
        else
            Refuse(name, "invalid_type", "must be a number");
    }

    public void Read(string name, JsonElement value, ref double? target)
    {
        double number = 0;
        int before = _problems.Count;
        Read(name, value, ref number);
        if (value.ValueKind != JsonValueKind.Null && _problems.Count == before)
            target = number;
    }

    public void Read(string name, JsonElement value, ref bool target)
    {
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
            target = value.ValueKind == JsonValueKind.True;
        else if (value.ValueKind != JsonValueKind.Null)
            Refuse(name, "invalid_type", "must be true or false");
    }

    /// <summary>A text; false for null where that is allowed, and for what is refused.</summary>
    public bool TryText(string name, JsonElement value, [NotNullWhen(true)] out string? text, bool nullable = true)
    {
        text = null;
        if (value.ValueKind == JsonValueKind.Null && nullable)
            return false;
        if (value.ValueKind != JsonValueKind.String)
        {
            Refuse(name, "invalid_type", "must be a string");
            return false;
        }

        if (JsonText.TryGet(value, out text))
            return true;
        Refuse(name, "invalid_value", "holds half of an escaped surrogate pair, which is not text");
        return false;
    }

    /// <summary>An array of texts; null for what is refused.</summary>
    public IReadOnlyList<string>? Texts(string name, JsonElement array)
    {
        var texts = new List<string>(array.GetArrayLength());
        foreach (JsonElement element in array.EnumerateArray())
        {
            if (!TryText(name, element, out string? text, nullable: false))
                return null;
            texts.Add(text);
        }

        return texts;
    }

    /// <summary>An array of token ids; null for what is refused.</summary>
    public IReadOnlyList<int>? TokenIds(string name, JsonElement array)
    {
        var ids = new List<int>(array.GetArrayLength());
        foreach (JsonElement element in array.EnumerateArray())
        {
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt32(out int id))
            {
                Refuse(name, "invalid_type", $"must hold token ids only: element {ids.Count} is not a 32-bit integer");
                return null;
            }

            ids.Add(id);
        }

        return ids;
    }

    /// <summary>For what is part of OpenAI's interface but not offered: takes null, and the value that changes nothing.</summary>
    public void OnlyNeutral(string name, JsonElement value, bool neutral, string neutralText)
    {
        if (!neutral && value.ValueKind != JsonValueKind.Null)
            Refuse(name, "unsupported_parameter", $"is not supported: leave it out, or send {neutralText}");
    }

    /// <summary>Reports what must be there, unless a problem of it is known already.</summary>
    public void Require(string name, bool given)
    {
        if (!given && _problems.All(problem => problem.Param != name))
            Refuse(name, "missing_required_parameter", "is required");
    }

    public void RefuseUnknown(string name) => Refuse(name, "unknown_parameter", "is not a parameter of this interface");

    /// <summary>Reports a problem, as the end of a sentence that begins with the name.</summary>
    public void Refuse(string name, string code, string problem) => Refuse(ApiError.Caller(400, code, $"'{name}' {problem}.", name));

    public void Refuse(ApiError problem)
    {
        if (_problems.Count < MostProblems)
            _problems.Add(problem);
        else if (_problems.Count == MostProblems)
            _problems.Add(ApiError.Caller(400, "invalid_value", "There are more problems than these."));
    }

    private bool IsKind(string name, JsonElement value, JsonValueKind kind, string problem)
    {
        if (value.ValueKind == kind)
            return true;
        if (value.ValueKind != JsonValueKind.Null)
            Refuse(name, "invalid_type", problem);
        return false;
    }
}
