using System.Text;
using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Answers;

/// <summary>Turns the events of one call into what is sent. One for each call.</summary>
internal abstract class AnswerShape(string id, long created, GenerationCall call)
{
    protected string Id => id;

    protected long Created => created;

    protected GenerationCall Call => call;

    protected string Model => call.Request.Model.Text;

    /// <summary>The usage in events before the last: null where it was asked for, absent otherwise.</summary>
    protected UsageField? UsageLater => call.IncludeUsage ? UsageField.Later : null;

    protected bool ReturnTokenIds => call.Request.ReturnTokenIds;

    protected bool ReturnLogProbs => call.Request.TopLogProbs is not null;

    /// <summary>Sends everything at once.</summary>
    /// <param name="context">The request.</param>
    /// <param name="answers">As many as were asked for.</param>
    /// <param name="finished">How it ended.</param>
    public abstract Task WriteWholeAsync(HttpContext context, IReadOnlyList<CollectedAnswer> answers, GenerationFinished finished);

    /// <summary>Adds the events of some tokens, or none when they would tell the caller nothing.</summary>
    public abstract void WriteChunk(EventStream events, TokenChunk chunk);

    /// <summary>Adds the events that end a stream. Provenance is in the last of them.</summary>
    public abstract void WriteLast(EventStream events, GenerationFinished finished);

    protected bool SaysNothing(TokenChunk chunk) => chunk.Text.Length == 0 && !ReturnTokenIds && !(ReturnLogProbs && chunk.LogProbs.Count > 0);
}

/// <summary>One answer as it comes together.</summary>
internal sealed class CollectedAnswer
{
    private readonly StringBuilder _text = new();
    private readonly List<int> _tokenIds = [];
    private readonly List<TokenLogProbs> _logProbs = [];

    public string Text => _text.ToString();

    public IReadOnlyList<int> TokenIds => _tokenIds;

    public IReadOnlyList<TokenLogProbs> LogProbs => _logProbs;

    public void Add(TokenChunk chunk)
    {
        _text.Append(chunk.Text);
        _tokenIds.AddRange(chunk.TokenIds);
        _logProbs.AddRange(chunk.LogProbs);
    }
}
