using System.Text.RegularExpressions;

namespace MoeLora.Training.Tests.Tokenization;

/// <summary>Byte-pair training by definition: counts every pair anew for each merge.</summary>
internal static partial class NaiveBytePairs
{
    public static (List<string> Tokens, List<(int Left, int Right)> Merges) Train(IEnumerable<string> texts, int tokenCount, int minFrequency, int maxTokenBytes)
    {
        List<string> tokens = [.. Alphabet().Order(StringComparer.Ordinal)];
        var merges = new List<(int Left, int Right)>();
        string[] alphabet = Alphabet();
        List<List<int>> pieces =
        [
            .. texts.SelectMany(text => Qwen2().Matches(text))
                .Select(piece => System.Text.Encoding.UTF8.GetBytes(piece.Value).Select(value => tokens.IndexOf(alphabet[value])).ToList()),
        ];
        while (tokens.Count < tokenCount)
        {
            var counts = new Dictionary<(int Left, int Right), int>();
            foreach (List<int> piece in pieces)
                foreach ((int, int) pair in piece.Zip(piece.Skip(1)))
                    counts[pair] = counts.GetValueOrDefault(pair) + 1;
            List<(int Left, int Right)> known = [.. merges.Where(counts.ContainsKey)];
            (int Left, int Right) best;
            if (known.Count > 0)
            {
                best = known[0];
            }
            else
            {
                var possible = counts.Where(pair => pair.Value >= minFrequency && tokens[pair.Key.Left].Length + tokens[pair.Key.Right].Length <= maxTokenBytes).ToList();
                if (possible.Count == 0)
                    break;
                best = possible.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key).First().Key;
                merges.Add(best);
            }

            string text = tokens[best.Left] + tokens[best.Right];
            if (!tokens.Contains(text))
                tokens.Add(text);
            foreach (List<int> piece in pieces)
            {
                for (int i = 0; i + 1 < piece.Count; i++)
                {
                    if ((piece[i], piece[i + 1]) != best)
                        continue;
                    piece[i] = tokens.IndexOf(text);
                    piece.RemoveAt(i + 1);
                }
            }
        }

        return (tokens, merges);
    }

    // GPT-2's mapping: printable Latin-1 stands for itself, the other bytes for U+0100 on.
    private static string[] Alphabet()
    {
        int next = 0x100;
        return [.. Enumerable.Range(0, 256).Select(value => ((char)(value is (> 32 and < 127) or (> 160 and not 173) ? value : next++)).ToString())];
    }

    // Enough for texts of the basic plane, whose characters .NET sees whole.
    [GeneratedRegex(@"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")]
    private static partial Regex Qwen2();
}
