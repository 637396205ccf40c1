using System.Text.Json;
using MoeLora.Models.Tokenizers.Bpe;

namespace MoeLora.Models.Tokenizers.Reading;

/// <summary>Reads the <c>model</c> of a tokenizer file: vocabulary and merges.</summary>
internal static class BpeModelReader
{
    /// <summary>Reads and checks a model whose type is known to be BPE.</summary>
    public static BpeModel Read(JsonFields model)
    {
        model.Ignore("type");
        if (model.Optional("dropout") is { } dropout && !(dropout.ValueKind == JsonValueKind.Number && dropout.GetDouble() == 0))
            model.Problem("dropout", "is not null or 0: random merges are for training only");
        foreach (var name in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
            if (model.Optional(name) is { } affix && !(JsonFields.TryText(affix, out var text) && text.Length == 0))
                model.Problem(name, "is not empty, and byte-level BPE has none");

        // Every byte has its token (checked below), so that nothing is ever unknown.
        model.Ignore("unk_token", "fuse_unk");
        if (model.Flag("byte_fallback", whenMissing: false))
            model.Problem("byte_fallback", "is true, and byte-level BPE has none");
        var ignoreMerges = model.Flag("ignore_merges", whenMissing: false);

        var vocabulary = ReadVocabulary(model);
        var merges = ReadMerges(model, vocabulary);
        model.RefuseOthers();
        return new BpeModel(vocabulary, merges, ignoreMerges);
    }

    private static Dictionary<string, int> ReadVocabulary(JsonFields model)
    {
        if (model.Required("vocab") is not { } element)
            return [];
        if (element.ValueKind != JsonValueKind.Object)
        {
            model.Problem("vocab", $"is {JsonFields.Kind(element)}, not an object of token and id");
            return [];
        }

        var vocabulary = new Dictionary<string, int>(element.GetPropertyCount(), StringComparer.Ordinal);
        var tokens = new Dictionary<int, string>(element.GetPropertyCount());
        foreach (var member in element.EnumerateObject())
        {
            var token = member.Name;
            if (!JsonFields.TryId(member.Value, out var id))
            {
                model.Problem($"vocab[\"{token}\"]", JsonFields.NotAnId(member.Value));
                continue;
            }

            vocabulary[token] = id;
            if (!tokens.TryAdd(id, token))
                model.Problem("vocab", $"\"{token}\" and \"{tokens[id]}\" have the same id {id}");
        }

        var missing = Enumerable.Range(0, 256)
            .Where(value => ByteAlphabet.OccursInUtf8((byte)value))
            .Where(value => !vocabulary.ContainsKey(ByteAlphabet.ToCharacter((byte)value).ToString()))
            .Select(value => $"0x{value:X2}")
            .ToList();
        if (missing.Count > 0)
            model.Problem("vocab", $"has no token for {missing.Count} of the bytes that text can have ({string.Join(", ", missing.Take(8))}{(missing.Count > 8 ? ", …" : "")})");
        return vocabulary;
    }

    private static Dictionary<(int Left, int Right), Merge> ReadMerges(JsonFields model, Dictionary<string, int> vocabulary)
    {
        var merges = new Dictionary<(int Left, int Right), Merge>();
        var index = 0;
        foreach (var element in model.Array("merges"))
        {
            var rank = index++;
            if (Pair(element) is not { } pair)
                model.Problem($"merges[{rank}]", "is neither \"a b\" nor [\"a\", \"b\"]");
            else if (!TryMerge(pair.Left, pair.Right, vocabulary, out var ids, out var result))
                model.Problem($"merges[{rank}]", $"\"{pair.Left}\", \"{pair.Right}\" or \"{pair.Left}{pair.Right}\" is not in the vocabulary");
            else if (!merges.TryAdd(ids, new Merge(rank, result)))
                model.Problem($"merges[{rank}]", $"merges \"{pair.Left}\" and \"{pair.Right}\" a second time");
        }

        return merges;
    }

    private static bool TryMerge(string left, string right, Dictionary<string, int> vocabulary, out (int Left, int Right) ids, out int result)
    {
        var known = vocabulary.TryGetValue(left, out var leftId) & vocabulary.TryGetValue(right, out var rightId);
        ids = (leftId, rightId);
        return vocabulary.TryGetValue(left + right, out result) && known;
    }

    private static (string Left, string Right)? Pair(JsonElement element)
    {
        if (JsonFields.TryText(element, out var text))
        {
            var parts = text.Split(' ');
            return parts.Length == 2 && parts[0].Length > 0 && parts[1].Length > 0 ? (parts[0], parts[1]) : null;
        }

        return element.ValueKind == JsonValueKind.Array && element.GetArrayLength() == 2
            && JsonFields.TryText(element[0], out var left) && JsonFields.TryText(element[1], out var right)
            && left.Length > 0 && right.Length > 0
            ? (left, right)
            : null;
    }
}
