using System.Text;
using MoeLora.Engine.Generation;

namespace MoeLora.Engine.Tests.Generation;

/// <summary>Keeps what a generation says, and may do something at each token.</summary>
internal sealed class CollectedOutput(Action<int>? onToken = null) : IGenerationOutput
{
    private readonly StringBuilder _text = new();

    public List<int> Ids { get; } = [];

    public List<string> Pieces { get; } = [];

    public string Text => _text.ToString();

    public void OnToken(int id, string text)
    {
        Ids.Add(id);
        OnRest(text);
        onToken?.Invoke(Ids.Count);
    }

    public void OnRest(string text)
    {
        Pieces.Add(text);
        _text.Append(text);
    }
}
