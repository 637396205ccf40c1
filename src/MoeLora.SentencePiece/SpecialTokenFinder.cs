namespace MoeLora.SentencePiece;

/// <summary>Finds special tokens by their names: of those that begin leftmost the longest, then on from its end.</summary>
internal sealed class SpecialTokenFinder(IEnumerable<(string Name, int Id)> tokens)
{
    private readonly (string Name, int Id)[] _tokens = [.. tokens.OrderByDescending(token => token.Name.Length)];

    /// <summary>Cuts a text at its special tokens. Empty stretches are left out.</summary>
    public IEnumerable<(string Text, int? Id)> Split(string text)
    {
        int done = 0;
        for (int at = 0; at < text.Length;)
        {
            (string? name, int id) = Array.Find(_tokens, token => text.AsSpan(at).StartsWith(token.Name, StringComparison.Ordinal));
            if (name is null)
            {
                at++;
                continue;
            }

            if (done < at)
                yield return (text[done..at], null);
            yield return (name, id);
            done = at += name.Length;
        }

        if (done < text.Length)
            yield return (text[done..], null);
    }
}
