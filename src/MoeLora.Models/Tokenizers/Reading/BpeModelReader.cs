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
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        if (model.Required("vocab") is not { } element)
            return vocabulary;
        if (element.ValueKind != JsonValueKind.Object)
        {
            model.Problem("vocab", $"is {JsonFields.Kind(element)}, not an object of token and id");
            return vocabulary;
        }

        var tokens = new Dictionary<int, string>();
        foreach (var (token, value) in JsonFields.Members(element, model.Path("vocab"), model.Problems))
        {
            if (JsonFields.Id(value, $"{model.Path("vocab")}[\"{token}\"]", model.Problems) is not { } id)
                continue;
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
        var rank = 0;
        foreach (var (element, where) in model.Array("merges"))
        {
            if (Pair(element) is not { } pair)
            {
                model.Problems.Add(where, "is neither \"a b\" nor [\"a\", \"b\"]");
                continue;
            }

            var unknown = new[] { pair.Left, pair.Right, pair.Left + pair.Right }.Where(token => !vocabulary.ContainsKey(token)).ToList();
            if (unknown.Count > 0)
                model.Problems.Add(where, $"{string.Join(", ", unknown.Select(token => $"\"{token}\""))} not in the vocabulary");
            else if (!merges.TryAdd((vocabulary[pair.Left], vocabulary[pair.Right]), new Merge(rank++, vocabulary[pair.Left + pair.Right])))
                model.Problems.Add(where, $"merges \"{pair.Left}\" and \"{pair.Right}\" a second time");
        }

        return merges;
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
