using MoeLora.Models.Tokenizers.Normalization;

namespace MoeLora.Models.Tokenizers.Reading;

/// <summary>Reads <c>added_tokens</c> and checks all ids together.</summary>
internal static class AddedTokenReader
{
    /// <summary>Reads the added tokens, and checks that they agree with the vocabulary and that no id is missing or used twice.</summary>
    public static IReadOnlyList<AddedToken> Read(JsonFields root, IReadOnlyDictionary<string, int> vocabulary, bool normalizeNfc)
    {
        var tokens = new List<AddedToken>();
        foreach (var fields in root.Optional("added_tokens") is null ? [] : root.Objects("added_tokens"))
        {
            var id = fields.Id("id");
            var token = new AddedToken(
                id ?? 0,
                fields.Text("content"),
                fields.Flag("single_word"),
                fields.Flag("lstrip"),
                fields.Flag("rstrip"),
                fields.Flag("normalized"),
                fields.Flag("special"));
            fields.RefuseOthers();
            if (token.Content.Length == 0)
                fields.Problem("content", "is empty");
            else if (id is not null)
                tokens.Add(token);
        }

        CheckPatterns(tokens, normalizeNfc, root);
        CheckIds(tokens, vocabulary, root);
        return tokens;
    }

    private static void CheckPatterns(List<AddedToken> tokens, bool normalizeNfc, JsonFields root)
    {
        var seen = new HashSet<(bool Normalized, string Pattern)>();
        foreach (var token in tokens)
        {
            var pattern = token.Normalized && normalizeNfc ? Nfc.Normalize(token.Content) : token.Content;
            if (!seen.Add((token.Normalized, pattern)))
                root.Problem("added_tokens", $"\"{token.Content}\" is there twice");
        }
    }

    private static void CheckIds(List<AddedToken> tokens, IReadOnlyDictionary<string, int> vocabulary, JsonFields root)
    {
        var byId = new Dictionary<int, string>();
        foreach (var (token, id) in vocabulary)
            byId.TryAdd(id, token);
        foreach (var token in tokens)
        {
            if (vocabulary.TryGetValue(token.Content, out var id) && id != token.Id)
                root.Problem("added_tokens", $"\"{token.Content}\" has id {token.Id} here and {id} in the vocabulary");
            else if (!byId.TryAdd(token.Id, token.Content) && byId[token.Id] != token.Content)
                root.Problem("added_tokens", $"\"{token.Content}\" has id {token.Id}, which is \"{byId[token.Id]}\"");
        }

        var highest = byId.Keys.DefaultIfEmpty(-1).Max();
        if (highest < byId.Count)
            return;
        var missing = Enumerable.Range(0, byId.Count).Where(id => !byId.ContainsKey(id)).Take(8).ToList();
        root.Problem("model.vocab", $"with added_tokens has {byId.Count} tokens but ids up to {highest}: no token has id {string.Join(", ", missing)}");
    }
}
