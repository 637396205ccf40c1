using System.Text;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Tests.Constraints;

/// <summary>A tokenizer of given bytes by id; a token without bytes is special.</summary>
internal sealed class ListTokenizer(IReadOnlyList<byte[]> tokens) : ITokenizer
{
    /// <summary>An end token, every single byte, and what models learn to write JSON with, some of it parts of characters.</summary>
    public static ListTokenizer Json { get; } = new(
    [
        [],
        .. Enumerable.Range(0, 256).Select(value => new[] { (byte)value }),
        .. new[]
        {
            "{\"", "\":", "\": ", "\":\"", "\": \"", "\",", "\", \"", "\",\"", "\"}", "\"]", "\"},", "\"},{\"", "}]", "}}", "]}", "],", "[]", "{}", "[[", "[{\"", "[\"",
            "true", "false", "null", "tru", "e,", " true", ", ", ": ", "  ", "\n", "\t", "\\\"", "\\n", "\\u00", "\\u0", "00", "12", "123", "-1", ".5", "0.", "e5", "1e",
            "name", "na", "me", "value", "a", "ab", "abc", "aaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "没有", "直接联系", "间接联系", "糖尿病", "😀", "é", "한", "。", "，\"",
        }.Select(Encoding.UTF8.GetBytes),
        [0xE7, 0xB3], [0x96, 0xE5], [0xF0, 0x9F], [0x98, 0x80, 0x22], [0xC3], [0xBF, 0x22, 0x7D],
    ]);

    public int VocabularySize => tokens.Count;

    public IReadOnlyList<int> Encode(string text, bool addSpecialTokens = true) => throw new NotSupportedException();

    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true) => throw new NotSupportedException();

    public ReadOnlySpan<byte> TokenBytes(int id) => tokens[id];

    public ITokenStream StartStream(bool skipSpecialTokens = true) => throw new NotSupportedException();
}
