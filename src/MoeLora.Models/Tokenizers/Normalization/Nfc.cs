using System.Text;

namespace MoeLora.Models.Tokenizers.Normalization;

/// <summary>
/// Unicode normalisation form C (Unicode Standard Annex 15, Unicode 9.0 data). The platform's own normalisation does nothing
/// in invariant globalisation, and otherwise follows whichever ICU is installed: both would change ids silently.
/// </summary>
internal static class Nfc
{
    /// <summary>Below this no code point decomposes into something else, combines, or is composed with what precedes it.</summary>
    private const int FirstThatMatters = 0x300;

    private const int HangulBase = 0xAC00, HangulCount = LeadCount * VowelCount * TailCount;
    private const int LeadBase = 0x1100, LeadCount = 19;
    private const int VowelBase = 0x1161, VowelCount = 21;
    private const int TailBase = 0x11A7, TailCount = 28;

    /// <summary>The text in form C; the same instance when it is in form C already and that is quickly seen.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    public static string Normalize(string text) => IsSettled(text) ? text : Compose(Decompose(text));

    private static bool IsSettled(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('\0', (char)(FirstThatMatters - 1)))
            return true;
        var data = CanonicalData.Instance;
        foreach (var rune in text.EnumerateRunes())
            if (rune.Value >= FirstThatMatters && (data.Unsettled.Contains(rune.Value) || IsVowelOrTail(rune.Value)))
                return false;
        return true;
    }

    private static bool IsVowelOrTail(int codePoint) =>
        codePoint is (>= VowelBase and < VowelBase + VowelCount) or (> TailBase and < TailBase + TailCount);

    /// <summary>Fully decomposed code points, marks in canonical order.</summary>
    private static List<int> Decompose(string text)
    {
        var result = new List<int>(text.Length + 16);
        var marks = new List<(int CodePoint, int Class)>();
        foreach (var rune in text.EnumerateRunes())
            Decompose(rune.Value, result, marks);
        Flush(marks, result);
        return result;
    }

    private static void Decompose(int codePoint, List<int> result, List<(int CodePoint, int Class)> marks)
    {
        var syllable = codePoint - HangulBase;
        if (syllable is >= 0 and < HangulCount)
        {
            Flush(marks, result);
            result.Add(LeadBase + (syllable / (VowelCount * TailCount)));
            result.Add(VowelBase + (syllable % (VowelCount * TailCount) / TailCount));
            if (syllable % TailCount != 0)
                result.Add(TailBase + (syllable % TailCount));
        }
        else if (CanonicalData.Instance.Decompositions.TryGetValue(codePoint, out var parts))
        {
            foreach (var part in parts)
                Decompose(part, result, marks);
        }
        else if (CanonicalData.Instance.Classes.TryGetValue(codePoint, out var combiningClass))
        {
            marks.Add((codePoint, combiningClass));
        }
        else
        {
            Flush(marks, result);
            result.Add(codePoint);
        }
    }

    /// <summary>Ends a run of marks: they are sorted by class, equal classes staying in order.</summary>
    private static void Flush(List<(int CodePoint, int Class)> marks, List<int> result)
    {
        if (marks.Count == 0)
            return;
        result.AddRange(marks.OrderBy(mark => mark.Class).Select(mark => mark.CodePoint));
        marks.Clear();
    }

    /// <summary>Composes each mark or jamo with the last starter unless something between them blocks it.</summary>
    private static string Compose(List<int> decomposed)
    {
        var data = CanonicalData.Instance;
        var result = new List<int>(decomposed.Count);
        int? starter = null; // index in result
        var previousClass = 0; // of what was last kept after the starter
        foreach (var codePoint in decomposed)
        {
            var combiningClass = data.Classes.GetValueOrDefault(codePoint);
            if (starter is { } index)
            {
                var adjacent = index == result.Count - 1;
                if ((adjacent || previousClass < combiningClass) && Pair(data, result[index], codePoint) is { } composed)
                {
                    result[index] = composed;
                    continue;
                }
            }

            if (combiningClass == 0)
                starter = result.Count;
            previousClass = combiningClass;
            result.Add(codePoint);
        }

        var text = new StringBuilder(result.Count);
        foreach (var codePoint in result)
            text.Append(new Rune(codePoint).ToString());
        return text.ToString();
    }

    private static int? Pair(CanonicalData data, int first, int second)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
            return HangulBase + ((((first - LeadBase) * VowelCount) + second - VowelBase) * TailCount);
        if (first is >= HangulBase and < HangulBase + HangulCount && (first - HangulBase) % TailCount == 0
            && second is > TailBase and < TailBase + TailCount)
        {
            return first + second - TailBase;
        }

        return data.Compositions.TryGetValue((first, second), out var composed) ? composed : null;
    }
}
