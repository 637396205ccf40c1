using System.Text;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Tests.Generation;

/// <summary>Decodes id 5 as <c>[5]</c>; ids from 300 on are unknown to it.</summary>
internal sealed class BracketTokenizer : ITokenizer
{
    public int VocabularySize => 300;

    public IReadOnlyList<int> Encode(string text, bool addSpecialTokens = true) => throw new NotSupportedException();

    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true) => throw new NotSupportedException();

    public ReadOnlySpan<byte> TokenBytes(int id) => Encoding.UTF8.GetBytes($"[{id}]");

    public ITokenStream StartStream(bool skipSpecialTokens = true) => new Stream();

    private sealed class Stream : ITokenStream
    {
        public string Append(int id) => id < 300 ? $"[{id}]" : throw new ArgumentOutOfRangeException(nameof(id));

        public string Finish() => "";
    }
}
