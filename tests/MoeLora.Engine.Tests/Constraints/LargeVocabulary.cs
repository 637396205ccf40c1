using System.Text;

namespace MoeLora.Engine.Tests.Constraints;

/// <summary>A made-up vocabulary of the size and mix of Qwen2's: single bytes, words with and without a space, Chinese, punctuation, long runs.</summary>
internal static class LargeVocabulary
{
    public const int Size = 150_000;

    public static ListTokenizer Tokenizer { get; } = new(Make());

    private static byte[][] Make()
    {
        var random = new Random(17);
        var texts = new HashSet<string>(StringComparer.Ordinal);
        foreach (char run in " \n\t-=*_#.a0")
        {
            for (int length = 2; length <= 128; length = length < 16 ? length + 1 : length * 2)
                texts.Add(new string(run, length));
        }

        const string Punctuation = "\"'{}[]():;,.!?/\\<>=+-*_ \n";
        while (texts.Count < 6_000)
            texts.Add(string.Concat(Enumerable.Range(0, random.Next(2, 6)).Select(_ => Punctuation[random.Next(Punctuation.Length)])));
        while (texts.Count < 31_000)
            texts.Add(string.Concat(Enumerable.Range(0, random.Next(2, 5)).Select(_ => (char)random.Next(0x4E00, 0x6000))));
        while (texts.Count < Size - 400)
            texts.Add((random.Next(2) == 0 ? " " : "") + string.Concat(Enumerable.Range(0, random.Next(2, 12)).Select(_ => (char)('a' + Math.Min(random.Next(26), random.Next(26))))));
        byte[][] singles = [[], .. Enumerable.Range(0, 256).Select(value => new[] { (byte)value })];
        byte[][] parts = [.. Enumerable.Range(0, 143).Select(i => new[] { (byte)(0xE4 + i % 6), (byte)(0x80 + i / 6) })];
        return [.. singles, .. parts, .. texts.Select(Encoding.UTF8.GetBytes)];
    }
}
