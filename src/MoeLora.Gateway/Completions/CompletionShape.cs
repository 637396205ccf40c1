using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;
using MoeLora.Gateway.Answers;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Completions;

/// <summary>Answers of <c>/v1/completions</c>.</summary>
internal sealed class CompletionShape(string id, long created, GenerationCall call) : AnswerShape(id, created, call)
{
    // Characters sent so far, by answer: what the next token's offset is.
    private readonly int[] _offsets = call.Request.TopLogProbs is null ? [] : new int[call.Request.Answers];

    public override Task WriteWholeAsync(HttpContext context, IReadOnlyList<CollectedAnswer> answers, GenerationFinished finished)
    {
        CompletionChoice[] choices =
        [
            .. answers.Select((answer, index) => new CompletionChoice(answer.Text, Wire.Name(finished.Reasons[index]), index, LogProbs(index, answer.LogProbs))
            {
                TokenIds = ReturnTokenIds ? answer.TokenIds : null,
            }),
        ];
        CompletionResponse response = Response(choices) with
        {
            Usage = new UsageField(AnswerUsage.From(finished.Usage)),
            Provenance = AnswerProvenance.From(finished.Provenance),
            Timings = AnswerTimings.From(finished.Timings),
        };
        return Answer.WriteAsync(context, StatusCodes.Status200OK, response, GatewayJson.Readable.CompletionResponse);
    }

    public override void WriteChunk(EventStream events, TokenChunk chunk)
    {
        if (SaysNothing(chunk))
            return;
        var choice = new CompletionChoice(chunk.Text, null, chunk.Answer, LogProbs(chunk.Answer, chunk.LogProbs))
        {
            TokenIds = ReturnTokenIds ? chunk.TokenIds : null,
        };
        Write(events, Response(choice));
    }

    public override void WriteLast(EventStream events, GenerationFinished finished)
    {
        AnswerProvenance provenance = AnswerProvenance.From(finished.Provenance);
        AnswerTimings timings = AnswerTimings.From(finished.Timings);
        for (int index = 0; index < finished.Reasons.Count; index++)
        {
            bool last = !Call.IncludeUsage && index == finished.Reasons.Count - 1;
            var choice = new CompletionChoice("", Wire.Name(finished.Reasons[index]), index, null) { TokenIds = ReturnTokenIds ? [] : null };
            Write(events, Response(choice) with { Provenance = last ? provenance : null, Timings = last ? timings : null });
        }

        if (Call.IncludeUsage)
            Write(events, Response() with { Usage = new UsageField(AnswerUsage.From(finished.Usage)), Provenance = provenance, Timings = timings });
    }

    private static void Write(EventStream events, CompletionResponse response) => events.Write(response, GatewayJson.Readable.CompletionResponse);

    private CompletionResponse Response(params IReadOnlyList<CompletionChoice> choices) => new(Id, Created, Model, choices) { Usage = UsageLater };

    private CompletionLogProbs? LogProbs(int answer, IReadOnlyList<TokenLogProbs> tokens)
    {
        if (!ReturnLogProbs || tokens.Count == 0)
            return null;
        var offsets = new int[tokens.Count];
        for (int i = 0; i < offsets.Length; i++)
        {
            offsets[i] = _offsets[answer];
            foreach (byte value in tokens[i].Chosen.Bytes.Span)
                _offsets[answer] += (value & 0xC0) == 0x80 ? 0 : 1; // every byte that begins a character in UTF-8
        }

        return new CompletionLogProbs(
            [.. tokens.Select(token => TokenText.Of(token.Chosen))],
            [.. tokens.Select(token => TokenText.LogProbOf(token.Chosen))],
            [.. tokens.Select(Top)],
            offsets)
        {
            Content = ReturnTokenIds ? TokenDetails.From(tokens, ids: true) : null,
        };
    }

    private static Dictionary<string, double> Top(TokenLogProbs token)
    {
        var top = new Dictionary<string, double>(token.Top.Count + 1);
        foreach (TokenLogProb candidate in token.Top)
            top.TryAdd(TokenText.Of(candidate), TokenText.LogProbOf(candidate)); // of two tokens with one text, the likelier
        top.TryAdd(TokenText.Of(token.Chosen), TokenText.LogProbOf(token.Chosen));
        return top;
    }
}
