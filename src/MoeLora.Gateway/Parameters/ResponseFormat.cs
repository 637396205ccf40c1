using System.Text.Json;
using MoeLora.Contracts;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Parameters;

/// <summary>
/// Reads <c>response_format</c>: OpenAI's <c>text</c>, <c>json_object</c> and <c>json_schema</c>, and <c>choice</c>, one of given texts. A
/// schema is always enforced, whatever its <c>strict</c> says; its <c>name</c> and <c>description</c> are taken and not used.
/// </summary>
internal static class ResponseFormat
{
    private const string Name = "response_format";

    /// <returns>The constraint; null for free text, and for what is refused.</returns>
    public static OutputConstraint? Read(ParameterReader reader, JsonElement value)
    {
        if (!reader.IsObject(Name, value))
            return null;
        string? type = null;
        JsonElement? schema = null;
        JsonElement? choices = null;
        foreach ((string name, JsonElement member) in reader.Members(value, "response_format."))
        {
            switch (name)
            {
                case "response_format.type":
                    reader.TryText(name, member, out type);
                    break;
                case "response_format.json_schema":
                    schema = member;
                    break;
                case "response_format.choices":
                    choices = member;
                    break;
                default:
                    reader.RefuseUnknown(name);
                    break;
            }
        }

        reader.Require("response_format.type", type is not null);
        if (schema is not null && type is not (null or "json_schema"))
            reader.Refuse("response_format.json_schema", "invalid_value", "is allowed only with the type 'json_schema'");
        if (choices is not null && type is not (null or "choice"))
            reader.Refuse("response_format.choices", "invalid_value", "is allowed only with the type 'choice'");
        switch (type)
        {
            case null or "text":
                return null;
            case "json_object":
                return new JsonObjectOutput();
            case "json_schema":
                reader.Require("response_format.json_schema", schema is { ValueKind: not JsonValueKind.Null });
                return schema is { } given ? ReadSchema(reader, given) : null;
            case "choice":
                reader.Require("response_format.choices", choices is { ValueKind: not JsonValueKind.Null });
                return choices is { } array && reader.IsArray("response_format.choices", array) && reader.Texts("response_format.choices", array) is { } options
                    ? new ChoiceOutput(options)
                    : null;
            default:
                reader.Refuse("response_format.type", "invalid_value", "must be 'text', 'json_object', 'json_schema' or 'choice'");
                return null;
        }
    }

    private static JsonSchemaOutput? ReadSchema(ParameterReader reader, JsonElement value)
    {
        const string Prefix = "response_format.json_schema.";
        if (!reader.IsObject("response_format.json_schema", value))
            return null;
        JsonSchemaOutput? output = null;
        foreach ((string name, JsonElement member) in reader.Members(value, Prefix))
        {
            switch (name[Prefix.Length..])
            {
                case "name" or "description":
                    reader.TryText(name, member, out _);
                    break;
                case "strict":
                    bool strict = false;
                    reader.Read(name, member, ref strict);
                    break;
                case "schema":
                    if (!reader.IsObject(name, member))
                        break;
                    if (JsonText.IsText(member))
                        output = new JsonSchemaOutput(member.GetRawText());
                    else
                        reader.Refuse(name, "invalid_value", "holds half of an escaped surrogate pair, which is not text");
                    break;
                default:
                    reader.RefuseUnknown(name);
                    break;
            }
        }

        reader.Require(Prefix + "schema", output is not null);
        return output;
    }
}
