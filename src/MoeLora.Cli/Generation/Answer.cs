using System.Diagnostics;
using System.Text;
using MoeLora.Contracts;

namespace MoeLora.Cli.Generation;

/// <summary>An answer as it comes, complete or not.</summary>
internal sealed class Answer
{
    private readonly StringBuilder _text = new();
    private readonly List<int> _tokenIds = [];
    private readonly long _asked = Stopwatch.GetTimestamp();
    private GenerationFinished? _end;

    /// <summary>Whether the last event has come.</summary>
    public bool IsComplete => _end is not null;

    /// <summary>Takes what came.</summary>
    /// <exception cref="CommandException">The answer broke off.</exception>
    public void Take(GenerationEvent item)
    {
        switch (item)
        {
            case TokenChunk chunk:
                _text.Append(chunk.Text);
                _tokenIds.AddRange(chunk.TokenIds);
                break;
            case GenerationFinished finished:
                _end = finished;
                break;
            case GenerationFailed failed:
                throw new CommandException(failed.Error.Message);
        }
    }

    /// <summary>The answer so far; cancelled unless it is complete.</summary>
    /// <param name="hasText">Whether the model has a tokenizer.</param>
    /// <param name="load">How long loading took.</param>
    public AnswerReport Report(bool hasText, TimeSpan load) => new(
        _tokenIds,
        hasText ? _text.ToString() : null,
        _end?.Reason.ToString().ToLowerInvariant() ?? "cancelled",
        _end?.Usage.PromptTokens,
        _tokenIds.Count,
        new AnswerTimings(
            load.TotalSeconds,
            (_end is null ? Stopwatch.GetElapsedTime(_asked) : _end.Timings.Queued + _end.Timings.Prefill + _end.Timings.Decode).TotalSeconds,
            _end?.Timings.Prefill.TotalSeconds,
            _end?.Timings.Decode.TotalSeconds,
            _end?.Timings.DecodeTokensPerSecond),
        _end?.Provenance);
}

/// <summary>The JSON of an answer.</summary>
/// <param name="TokenIds">Every token generated, an end token included.</param>
/// <param name="Text">Null when the model has no tokenizer.</param>
/// <param name="FinishReason">stop, length or cancelled.</param>
/// <param name="PromptTokens">Null when cancelled.</param>
/// <param name="CompletionTokens">Tokens generated.</param>
/// <param name="Timings">Where the time went.</param>
/// <param name="Provenance">What made it; null when cancelled.</param>
internal sealed record AnswerReport(
    IReadOnlyList<int> TokenIds,
    string? Text,
    string FinishReason,
    int? PromptTokens,
    int CompletionTokens,
    AnswerTimings Timings,
    Provenance? Provenance);

/// <summary>Where the time of an answer went; parts are null when it was cancelled.</summary>
internal sealed record AnswerTimings(double LoadSeconds, double AnswerSeconds, double? PrefillSeconds, double? DecodeSeconds, double? DecodeTokensPerSecond);
