using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;
using MoeLora.Gateway.Answers;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Chat;

/// <summary>Answers of <c>/v1/chat/completions</c>.</summary>
internal sealed class ChatShape(string id, long created, GenerationCall call) : AnswerShape(id, created, call)
{
    private readonly bool[] _begun = new bool[call.Request.Answers];

    public override Task WriteWholeAsync(HttpContext context, IReadOnlyList<CollectedAnswer> answers, GenerationFinished finished)
    {
        ChatChoice[] choices =
        [
            .. answers.Select((answer, index) => new ChatChoice(index, new ChatAnswer(answer.Text), LogProbs(answer.LogProbs), Wire.Name(finished.Reasons[index]))
            {
                TokenIds = ReturnTokenIds ? answer.TokenIds : null,
            }),
        ];
        var response = new ChatResponse(Id, Created, Model, choices, AnswerUsage.From(finished.Usage), AnswerProvenance.From(finished.Provenance), AnswerTimings.From(finished.Timings));
        return Answer.WriteAsync(context, StatusCodes.Status200OK, response, GatewayJson.Readable.ChatResponse);
    }

    public override void WriteChunk(EventStream events, TokenChunk chunk)
    {
        WriteRole(events, chunk.Answer);
        if (SaysNothing(chunk))
            return;
        ChatLogProbs? logProbs = chunk.LogProbs.Count > 0 ? LogProbs(chunk.LogProbs) : null;
        Write(events, Chunk(new ChatChunkChoice(chunk.Answer, new ChatDelta(Content: chunk.Text), logProbs, null) { TokenIds = ReturnTokenIds ? chunk.TokenIds : null }));
    }

    public override void WriteLast(EventStream events, GenerationFinished finished)
    {
        AnswerProvenance provenance = AnswerProvenance.From(finished.Provenance);
        AnswerTimings timings = AnswerTimings.From(finished.Timings);
        for (int index = 0; index < finished.Reasons.Count; index++)
        {
            WriteRole(events, index);
            bool last = !Call.IncludeUsage && index == finished.Reasons.Count - 1;
            Write(events, Chunk(new ChatChunkChoice(index, new ChatDelta(), null, Wire.Name(finished.Reasons[index]))) with { Provenance = last ? provenance : null, Timings = last ? timings : null });
        }

        if (Call.IncludeUsage)
            Write(events, Chunk() with { Usage = new UsageField(AnswerUsage.From(finished.Usage)), Provenance = provenance, Timings = timings });
    }

    /// <summary>The first event of an answer says whose it is.</summary>
    private void WriteRole(EventStream events, int answer)
    {
        if (_begun[answer])
            return;
        _begun[answer] = true;
        Write(events, Chunk(new ChatChunkChoice(answer, new ChatDelta("assistant", ""), null, null)));
    }

    private static void Write(EventStream events, ChatChunk chunk) => events.Write(chunk, GatewayJson.Readable.ChatChunk);

    private ChatChunk Chunk(params IReadOnlyList<ChatChunkChoice> choices) => new(Id, Created, Model, choices) { Usage = UsageLater };

    private ChatLogProbs? LogProbs(IReadOnlyList<TokenLogProbs> tokens) => ReturnLogProbs ? new ChatLogProbs(TokenDetails.From(tokens, ReturnTokenIds)) : null;
}
