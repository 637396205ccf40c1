namespace MoeLora.SentencePiece.Styles;

/// <summary>Llama 2 and Mistral: the begin token before a text, or what the tokenizer's settings say.</summary>
/// <param name="before">Ids before a text.</param>
/// <param name="after">Ids after it.</param>
internal sealed class LlamaStyle(IReadOnlyList<int> before, IReadOnlyList<int> after) : ITextStyle
{
    public int Offset => 0;

    public string Prepare(string text) => text;

    public void Complete(List<int> ids)
    {
        ids.InsertRange(0, before);
        ids.AddRange(after);
    }

    public string? TextOf(string piece) => null;
}
