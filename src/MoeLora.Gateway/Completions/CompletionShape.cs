using MoeLora.Contracts;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Completions;

/// <summary>Turns the events of one call into what is sent: everything that all of its chunks share.</summary>
internal sealed class CompletionShape(string id, long created, CompletionCall call)
{
    private bool ReturnTokenIds => call.Request.ReturnTokenIds;

    public CompletionResponse Whole(string text, IReadOnlyList<int> ids, GenerationFinished finished) =>
        Response(new CompletionChoice(text, Wire.Name(finished.Reason)) { TokenIds = ReturnTokenIds ? ids : null }) with
        {
            Usage = CompletionUsage.From(finished.Usage),
            Provenance = CompletionProvenance.From(finished.Provenance),
        };

    /// <summary>The chunk of some tokens, or null when it would tell the caller nothing.</summary>
    public CompletionResponse? Chunk(TokenChunk chunk) =>
        chunk.Text.Length == 0 && !ReturnTokenIds
            ? null
            : Response(new CompletionChoice(chunk.Text, null) { TokenIds = ReturnTokenIds ? chunk.TokenIds : null });

    /// <summary>The chunks that end a stream: the reason, then the usage if asked for. The provenance is in the last of them.</summary>
    public IEnumerable<CompletionResponse> Last(GenerationFinished finished)
    {
        CompletionProvenance provenance = CompletionProvenance.From(finished.Provenance);
        CompletionResponse reason = Response(new CompletionChoice("", Wire.Name(finished.Reason)) { TokenIds = ReturnTokenIds ? [] : null });
        if (!call.IncludeUsage)
            return [reason with { Provenance = provenance }];
        CompletionResponse usage = Response() with { Usage = CompletionUsage.From(finished.Usage), Provenance = provenance };
        return [reason, usage];
    }

    private CompletionResponse Response(params IReadOnlyList<CompletionChoice> choices) => new(id, created, call.Request.Model.Text, choices);
}
