using System.Text;
using System.Text.Unicode;

namespace MoeLora.Training.Records;

/// <summary>Says of bytes that are not UTF-8 what they are and where they begin.</summary>
internal static class RecordEncoding
{
    /// <summary>The mark that some editors put before UTF-8.</summary>
    public static ReadOnlySpan<byte> Mark => [0xEF, 0xBB, 0xBF];

    /// <summary>What is wrong with a line's encoding; null when it is UTF-8.</summary>
    public static string? FindProblem(RecordLine line)
    {
        ReadOnlySpan<byte> bytes = line.Bytes.Span;
        if (WideName(bytes) is { } wide)
            return $"the line is {wide}, not UTF-8 (from byte offset {line.Offset}); convert it, for example with iconv -f {wide} -t UTF-8.";
        int nul = bytes.IndexOf((byte)0);
        if (nul >= 0)
            return $"a NUL byte at byte offset {line.Offset + nul}: the file is binary or of another encoding than UTF-8.";
        if (Utf8.IsValid(bytes))
            return null;
        int wrong = FirstInvalid(bytes);
        string where = $"byte 0x{bytes[wrong]:X2} at byte offset {line.Offset + wrong} is not UTF-8";
        return IsGbk(bytes)
            ? $"{where}; the line looks like GBK (GB18030): convert it, for example with iconv -f GB18030 -t UTF-8."
            : $"{where}, nor is the line GBK: it is damaged or mixes encodings.";
    }

    private static string? WideName(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [0xFF, 0xFE, ..] or [(byte)'{', 0, ..] => "UTF-16LE",
        [0xFE, 0xFF, ..] or [0, (byte)'{', ..] => "UTF-16BE",
        _ => null,
    };

    private static int FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        int at = 0;
        while (Rune.DecodeFromUtf8(bytes[at..], out _, out int consumed) == System.Buffers.OperationStatus.Done)
            at += consumed;
        return at;
    }

    // By structure: bytes of ASCII, pairs, and GB18030's groups of four.
    private static bool IsGbk(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int length = bytes switch
            {
                [< 0x80, ..] => 1,
                [>= 0x81 and <= 0xFE, >= 0x40 and <= 0xFE and not 0x7F, ..] => 2,
                [>= 0x81 and <= 0xFE, >= 0x30 and <= 0x39, >= 0x81 and <= 0xFE, >= 0x30 and <= 0x39, ..] => 4,
                _ => 0,
            };
            if (length == 0)
                return false;
            bytes = bytes[length..];
        }

        return true;
    }
}
