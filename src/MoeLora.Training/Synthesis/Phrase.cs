namespace MoeLora.Training.Synthesis;

/// <summary>A sentence with slots, such as <c>{disease}患者</c>.</summary>
internal sealed class Phrase
{
    // Literal text and slot names in turn, beginning with text.
    private readonly string[] _parts;

    /// <param name="text">With slots in braces; <c>\n</c> is a line end and <c>\s</c> a space.</param>
    public Phrase(string text) => _parts = text.Replace("\\n", "\n", StringComparison.Ordinal).Replace("\\s", " ", StringComparison.Ordinal).Split('{', '}');

    /// <summary>The names of the slots in order; a name may be there twice.</summary>
    public IEnumerable<string> Slots => _parts.Where((_, index) => index % 2 == 1);

    /// <summary>The text with every slot filled; the function is asked in order of the slots.</summary>
    public string Fill(Func<string, string> slot) => string.Concat(_parts.Select((part, index) => index % 2 == 1 ? slot(part) : part));
}
