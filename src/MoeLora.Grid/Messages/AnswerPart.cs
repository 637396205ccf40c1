using MoeLora.Contracts;

namespace MoeLora.Grid.Messages;

/// <summary>What a part of an answer is.</summary>
public enum AnswerPartKind : byte
{
    /// <summary>A token or text.</summary>
    Token,

    /// <summary>The request was admitted.</summary>
    Started,

    /// <summary>All answers are complete.</summary>
    Finished,

    /// <summary>The answer broke off.</summary>
    Failed,

    /// <summary>The request was refused before anything was generated.</summary>
    Refused,
}

/// <summary>One step of an answer between silos. A struct with its token beside it: nothing else is written for a plain token.</summary>
[GenerateSerializer, Immutable, Alias("moelora.answer-part")]
public readonly record struct AnswerPart
{
    /// <summary>What it is.</summary>
    [Id(0)]
    public AnswerPartKind Kind { get; init; }

    /// <summary>The token, −1 for none.</summary>
    [Id(1)]
    public int Token { get; init; }

    /// <summary>Text that it decides; null for none.</summary>
    [Id(2)]
    public string? Text { get; init; }

    /// <summary>Which answer.</summary>
    [Id(3)]
    public int Answer { get; init; }

    /// <summary>What the other kinds hold, and a token's probabilities; null otherwise.</summary>
    [Id(4)]
    public object? Detail { get; init; }

    /// <summary>A refusal.</summary>
    public static AnswerPart Refused(GridError error) => new() { Kind = AnswerPartKind.Refused, Detail = ErrorMessage.Of(error) };

    /// <summary>A single token without probabilities, as nearly all events are, without the iterator of <see cref="Of"/>.</summary>
    internal static bool TryOfToken(GenerationEvent item, out AnswerPart part)
    {
        if (item is TokenChunk { TokenIds.Count: 1, LogProbs.Count: 0 } chunk)
        {
            part = new AnswerPart { Token = chunk.TokenIds[0], Text = chunk.Text.Length > 0 ? chunk.Text : null, Answer = chunk.Answer };
            return true;
        }

        part = default;
        return false;
    }

    /// <summary>An event as parts: a chunk of several tokens is several parts, its text with the last.</summary>
    /// <param name="item">The event.</param>
    /// <param name="silo">The silo that answers, by its address.</param>
    internal static IEnumerable<AnswerPart> Of(GenerationEvent item, string? silo = null)
    {
        switch (item)
        {
            case TokenChunk { TokenIds.Count: 0 } text:
                yield return new AnswerPart { Token = -1, Text = text.Text, Answer = text.Answer };
                break;
            case TokenChunk chunk:
                for (int i = 0; i < chunk.TokenIds.Count; i++)
                {
                    yield return new AnswerPart
                    {
                        Token = chunk.TokenIds[i],
                        Text = i == chunk.TokenIds.Count - 1 && chunk.Text.Length > 0 ? chunk.Text : null,
                        Answer = chunk.Answer,
                        Detail = chunk.LogProbs.Count > 0 ? LogProbsMessage.Of(chunk.LogProbs[i]) : null,
                    };
                }

                break;
            case GenerationStarted started:
                yield return new AnswerPart { Kind = AnswerPartKind.Started, Token = -1, Detail = StartedMessage.Of(started, silo) };
                break;
            case GenerationFinished finished:
                yield return new AnswerPart { Kind = AnswerPartKind.Finished, Token = -1, Detail = FinishedMessage.Of(finished) };
                break;
            case GenerationFailed failed:
                yield return new AnswerPart { Kind = AnswerPartKind.Failed, Token = -1, Detail = ErrorMessage.Of(failed.Error) };
                break;
            default:
                throw new ArgumentException($"An answer has no event {item.GetType().Name}.", nameof(item));
        }
    }

    /// <summary>The event that it is; not for a refusal.</summary>
    internal GenerationEvent ToEvent() => Kind switch
    {
        AnswerPartKind.Token => new TokenChunk(Text ?? "", Token >= 0 ? [Token] : [], Answer) { LogProbs = Detail is LogProbsMessage probabilities ? [probabilities.ToLogProbs()] : [] },
        AnswerPartKind.Started => ((StartedMessage)Detail!).ToEvent(),
        AnswerPartKind.Finished => ((FinishedMessage)Detail!).ToEvent(),
        AnswerPartKind.Failed => new GenerationFailed(((ErrorMessage)Detail!).ToError()),
        _ => throw new InvalidOperationException("A refusal is no event."),
    };

    /// <summary>Its kind, never its text.</summary>
    public override string ToString() => Kind.ToString();
}
