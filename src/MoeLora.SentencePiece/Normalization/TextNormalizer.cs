using System.Buffers;
using System.Text;
using MoeLora.SentencePiece.Files;

namespace MoeLora.SentencePiece.Normalization;

/// <summary>What SentencePiece does to a text before it cuts it: characters replaced by the model's map, spaces dropped or marked. Safe for many threads.</summary>
internal sealed class TextNormalizer
{
    private static readonly byte[] SpaceMark = Encoding.UTF8.GetBytes([Piece.Space]);

    private readonly NormalizerSettings _settings;
    private readonly SymbolMatcher<byte> _symbols;
    private readonly CharacterMap? _map;

    /// <exception cref="InvalidDataException">The map of characters is malformed.</exception>
    public TextNormalizer(NormalizerSettings settings, IEnumerable<string> symbols)
    {
        _settings = settings;
        _symbols = new SymbolMatcher<byte>(symbols.Select(Encoding.UTF8.GetBytes));
        _map = settings.CharacterMap.Length > 0 ? new CharacterMap(settings.CharacterMap) : null;
    }

    /// <summary>The text that is cut.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    public string Normalize(string text)
    {
        ReadOnlySpan<byte> rest = Encoding.UTF8.GetBytes(text);
        bool single = _settings.RemoveExtraWhitespaces;
        while (single && !rest.IsEmpty && Next(rest, out int length) is [(byte)' '])
            rest = rest[length..];
        if (rest.IsEmpty)
            return "";

        var normalized = new ArrayBufferWriter<byte>(rest.Length + SpaceMark.Length);
        if (_settings.AddDummyPrefix)
            normalized.Write(SpaceMark);
        for (bool afterSpace = single; !rest.IsEmpty;)
        {
            ReadOnlySpan<byte> next = Next(rest, out int length);
            rest = rest[length..];
            if (afterSpace)
                next = next.TrimStart((byte)' ');
            if (next.IsEmpty)
                continue;
            foreach (byte value in next)
                normalized.Write(value == ' ' ? SpaceMark : new ReadOnlySpan<byte>(in value));
            afterSpace = single && next[^1] == ' ';
        }

        ReadOnlySpan<byte> result = normalized.WrittenSpan;
        while (single && result.EndsWith(SpaceMark))
            result = result[..^SpaceMark.Length];
        return Encoding.UTF8.GetString(result);
    }

    /// <summary>What the beginning of a text becomes: a user-defined symbol itself, what the map says, or the first character.</summary>
    private ReadOnlySpan<byte> Next(ReadOnlySpan<byte> text, out int length)
    {
        if ((length = _symbols.MatchStart(text)) > 0)
            return text[..length];
        if (_map is not null && (length = _map.MatchStart(text, out ReadOnlySpan<byte> replacement)) > 0)
            return replacement;
        Rune.DecodeFromUtf8(text, out _, out length);
        return text[..length];
    }
}
