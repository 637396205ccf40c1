using System.Collections.Frozen;
using System.Globalization;

namespace MoeLora.Models.Tokenizers.Normalization;

/// <summary>Canonical decompositions, compositions and combining classes, read once from the embedded table.</summary>
internal sealed class CanonicalData
{
    private const string Resource = "MoeLora.Models.Tokenizers.Normalization.canonical.txt";

    private static readonly Lazy<CanonicalData> Table = new(Load);

    private CanonicalData(
        FrozenDictionary<int, int> classes,
        FrozenDictionary<int, int[]> decompositions,
        FrozenDictionary<(int First, int Second), int> compositions)
    {
        Classes = classes;
        Decompositions = decompositions;
        Compositions = compositions;
        Unsettled = Classes.Keys
            .Concat(Decompositions.Keys.Except(Compositions.Values))
            .Concat(Compositions.Keys.Select(pair => pair.Second))
            .ToFrozenSet();
    }

    /// <summary>The table.</summary>
    public static CanonicalData Instance => Table.Value;

    /// <summary>Combining classes that are not 0.</summary>
    public FrozenDictionary<int, int> Classes { get; }

    /// <summary>One step of decomposition: one or two code points. Hangul is computed, not listed.</summary>
    public FrozenDictionary<int, int[]> Decompositions { get; }

    /// <summary>Pairs that compose into one code point. Hangul is computed, not listed.</summary>
    public FrozenDictionary<(int First, int Second), int> Compositions { get; }

    /// <summary>Code points whose presence means that a text may not be in NFC: all others never change nor are reordered or composed.</summary>
    public FrozenSet<int> Unsettled { get; }

    private static CanonicalData Load()
    {
        var classes = new Dictionary<int, int>();
        var decompositions = new Dictionary<int, int[]>();
        var compositions = new Dictionary<(int First, int Second), int>();
        using var stream = typeof(CanonicalData).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"The embedded table {Resource} is missing from the assembly.");
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#'))
                continue;
            var fields = line.Split(';');
            var codePoint = Hex(fields[0]);
            var combiningClass = int.Parse(fields[1], CultureInfo.InvariantCulture);
            if (combiningClass != 0)
                classes.Add(codePoint, combiningClass);
            if (fields[2].Length == 0)
                continue;
            var parts = fields[2].TrimStart('!').Split(' ').Select(Hex).ToArray();
            decompositions.Add(codePoint, parts);
            if (parts.Length == 2 && !fields[2].StartsWith('!'))
                compositions.Add((parts[0], parts[1]), codePoint);
        }

        return new CanonicalData(classes.ToFrozenDictionary(), decompositions.ToFrozenDictionary(), compositions.ToFrozenDictionary());
    }

    private static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
