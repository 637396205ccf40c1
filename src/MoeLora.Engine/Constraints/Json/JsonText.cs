using System.Buffers;
using System.Text;
using System.Text.Json;

namespace MoeLora.Engine.Constraints.Json;

/// <summary>The one spelling in which constraints ask for a given JSON value: compact, each character that need not be escaped as it is.</summary>
internal static class JsonText
{
    /// <summary>Writes a value whose texts are well-formed, its numbers as they were read.</summary>
    public static void Write(JsonElement value, ArrayBufferWriter<byte> into)
    {
        string separator = "";
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                into.Write("{"u8);
                foreach (JsonProperty property in value.EnumerateObject())
                {
                    WriteAscii(separator, into);
                    WriteString(property.Name, into);
                    into.Write(":"u8);
                    Write(property.Value, into);
                    separator = ",";
                }

                into.Write("}"u8);
                break;
            case JsonValueKind.Array:
                into.Write("["u8);
                foreach (JsonElement element in value.EnumerateArray())
                {
                    WriteAscii(separator, into);
                    Write(element, into);
                    separator = ",";
                }

                into.Write("]"u8);
                break;
            case JsonValueKind.String:
                WriteString(value.GetString()!, into);
                break;
            default:
                WriteAscii(value.GetRawText(), into);
                break;
        }
    }

    /// <summary>Writes a text in quotes.</summary>
    public static void WriteString(string text, ArrayBufferWriter<byte> into)
    {
        into.Write("\""u8);
        foreach (Rune rune in text.EnumerateRunes())
            WriteCharacter(rune, into);
        into.Write("\""u8);
    }

    /// <summary>Writes a character as it stands in a text.</summary>
    public static void WriteCharacter(Rune rune, ArrayBufferWriter<byte> into)
    {
        switch (rune.Value)
        {
            case '"' or '\\':
                into.Write([(byte)'\\', (byte)rune.Value]);
                break;
            case '\b':
                into.Write("\\b"u8);
                break;
            case '\t':
                into.Write("\\t"u8);
                break;
            case '\n':
                into.Write("\\n"u8);
                break;
            case '\f':
                into.Write("\\f"u8);
                break;
            case '\r':
                into.Write("\\r"u8);
                break;
            case < ' ':
                WriteAscii($"\\u{rune.Value:x4}", into);
                break;
            default:
                into.Advance(rune.EncodeToUtf8(into.GetSpan(4)));
                break;
        }
    }

    private static void WriteAscii(string text, ArrayBufferWriter<byte> into) => into.Advance(Encoding.ASCII.GetBytes(text, into.GetSpan(text.Length)));
}
