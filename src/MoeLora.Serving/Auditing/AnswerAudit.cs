using System.Globalization;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Auditing;

/// <summary>
/// The records of one request while it is answered: one before its first token is given, and one at its end, with the hash of what streamed by, and of what another
/// node had given before. A request that is refused before it begins leaves the latter only. For one thread at a time.
/// </summary>
public sealed class AnswerAudit : IDisposable
{
    private readonly IAuditTrail _trail;
    private readonly AuditKey _key;
    private readonly IReadOnlyList<IReadOnlyList<int>> _begun;
    private AuditEntry _entry;
    private readonly Answer?[] _answers;
    private int _tokens;

    /// <summary>Begins.</summary>
    /// <param name="trail">Where the record goes.</param>
    /// <param name="key">What prompt and answer are hashed under.</param>
    /// <param name="request">The request; its prompt is hashed now.</param>
    public AnswerAudit(IAuditTrail trail, AuditKey key, GenerationRequest request)
    {
        _trail = trail;
        _key = key;
        _begun = request.Begun;
        int begun = _begun.Sum(tokens => tokens.Count);
        _answers = new Answer?[Math.Clamp(request.Answers, 1, GenerationRequest.MaxAnswers)];
        _entry = new AuditEntry
        {
            Action = AuditAction.Generate,
            Succeeded = false,
            Detail = "",
            Tenant = request.Tenant,
            Subject = request.Subject,
            RequestId = request.RequestId,
            BegunTokens = begun > 0 ? begun : null,
            PromptHash = AuditHasher.Hash(key, request.Prompt),
        };
    }

    /// <summary>Whether the end's record was written, or writing it was tried.</summary>
    public bool IsWritten { get; private set; }

    /// <summary>Records that the answers begin, and what makes them: whatever is given of them after this has been asked for on record, also when the node is killed.</summary>
    /// <exception cref="AuditUnavailableException">It could not be written: nothing of the answers may be given.</exception>
    public async ValueTask BeginAsync(GenerationStarted start)
    {
        _entry = Made(start.Provenance) with { Target = Guid.NewGuid().ToString("N"), PromptTokens = start.PromptTokens, CompletionTokens = 0 };
        for (int i = 0; i < start.Begun.Count; i++)
            Add(new TokenChunk(start.Begun[i], _begun[i], i));
        await _trail.AppendAsync(_entry with { Succeeded = true, Detail = AuditEntry.Begun, CompletionTokens = null }, CancellationToken.None);
    }

    /// <summary>Adds a piece of an answer.</summary>
    public void Add(TokenChunk chunk)
    {
        Answer answer = _answers[chunk.Answer] ??= new Answer(_key);
        answer.Add(chunk);
        _tokens += chunk.TokenIds.Count;
    }

    /// <summary>Records that the request was refused before an answer began.</summary>
    /// <param name="error">Why.</param>
    /// <param name="bank">The bank that it asked for, if there is such a task: never the caller's own text.</param>
    /// <param name="task">Its task, likewise.</param>
    /// <exception cref="AuditUnavailableException">It could not be written.</exception>
    public ValueTask RefusedAsync(GridError error, string? bank, string? task) =>
        WriteAsync(_entry with { Detail = Name(error.Kind), Bank = bank, TaskName = task });

    /// <summary>Records that all answers are complete.</summary>
    /// <exception cref="AuditUnavailableException">It could not be written: the answer must not be called complete.</exception>
    public ValueTask FinishedAsync(GenerationFinished end) =>
        WriteAsync(Made(end.Provenance) with
        {
            Succeeded = true,
            Detail = "answered",
            PromptTokens = end.Usage.PromptTokens,
            CompletionTokens = end.Usage.CompletionTokens,
            AnswerHash = HashAnswers(),
        });

    /// <summary>Records that it broke off, with the hash of what was given by then, here and by nodes before.</summary>
    /// <param name="why">Why, in a word: see <see cref="Name"/>; <c>cancelled</c> where the caller left.</param>
    /// <param name="model">What was asked for, where <see cref="BeginAsync"/> did not say what was answering.</param>
    /// <exception cref="AuditUnavailableException">It could not be written.</exception>
    public ValueTask BrokeOffAsync(string why, ModelDescription? model) =>
        WriteAsync((_entry.BaseModelHash is null ? _entry with { Bank = model?.Bank, TaskName = model?.TaskName ?? model?.Id } : _entry) with
        {
            Detail = why,
            CompletionTokens = _tokens > 0 ? _tokens : _entry.CompletionTokens,
            AnswerHash = HashAnswers(),
        });

    /// <summary>An error as a word of an audit record, such as <c>queue_full</c>.</summary>
    public static string Name(GridErrorKind kind) => kind switch
    {
        GridErrorKind.InvalidRequest => "invalid_request",
        GridErrorKind.ModelNotFound => "model_not_found",
        GridErrorKind.Unauthenticated => "unauthenticated",
        GridErrorKind.Forbidden => "forbidden",
        GridErrorKind.NotFound => "not_found",
        GridErrorKind.Conflict => "conflict",
        GridErrorKind.TooLarge => "too_large",
        GridErrorKind.RateLimited => "rate_limited",
        GridErrorKind.ContextLengthExceeded => "context_length_exceeded",
        GridErrorKind.QueueFull => "queue_full",
        GridErrorKind.Unavailable => "unavailable",
        GridErrorKind.NotReady => "not_ready",
        GridErrorKind.Stopping => "stopping",
        GridErrorKind.Internal => "internal",
        GridErrorKind.Withdrawn => "version_withdrawn",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Answer? answer in _answers)
            answer?.Dispose();
    }

    private AuditEntry Made(Provenance provenance) => _entry with
    {
        Bank = provenance.Bank,
        TaskName = provenance.Task ?? provenance.TaskId?.ToString(CultureInfo.InvariantCulture),
        Version = provenance.Version,
        BundleHash = provenance.AdapterHash,
        BaseModelHash = provenance.BaseModelHash,
    };

    private async ValueTask WriteAsync(AuditEntry entry)
    {
        IsWritten = true;
        await _trail.AppendAsync(entry, CancellationToken.None); // what happened is recorded whoever gave up
    }

    private string HashAnswers()
    {
        string[] hashes = [.. _answers.Select(answer => (answer ?? new Answer(_key)).Finish())];
        if (hashes.Length == 1)
            return hashes[0];
        using var hasher = new AuditHasher(_key);
        foreach (string hash in hashes)
            hasher.Append(hash);
        return hasher.Finish();
    }

    /// <summary>The hashes of one answer: which of them counts is known at its end.</summary>
    private sealed class Answer(AuditKey key) : IDisposable
    {
        private readonly AuditHasher _text = new(key);
        private readonly AuditHasher _ids = new(key);
        private bool _hasText;

        public void Add(TokenChunk chunk)
        {
            _hasText |= chunk.Text.Length > 0;
            _text.Append(chunk.Text);
            _ids.Append(chunk.TokenIds);
        }

        public string Finish() => _hasText ? _text.Finish() : _ids.Finish();

        public void Dispose()
        {
            _text.Dispose();
            _ids.Dispose();
        }
    }
}
