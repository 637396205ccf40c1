using MoeLora.Contracts.Tenants;

namespace MoeLora.Contracts.Auditing;

/// <summary>What an audit record tells of.</summary>
public enum AuditAction
{
    /// <summary>An answer was asked for: given, broken off, or refused.</summary>
    Generate,

    /// <summary>A version was published, or its state was changed.</summary>
    Rollout,

    /// <summary>A tenant, a limit or a key was made or changed.</summary>
    Tenancy,

    /// <summary>A caller was turned away: no valid key, or not the role for it.</summary>
    Access,

    /// <summary>The audit trail itself was read or exported.</summary>
    Audit,

    /// <summary>The node started or stopped.</summary>
    Node,
}

/// <summary>Something to be remembered. It never holds the text of a prompt or an answer, nor a key.</summary>
public sealed record AuditEntry
{
    /// <summary><see cref="Detail"/> of the record that an answer leaves before its first token is given. Its end is another record of the same <see cref="Target"/>.</summary>
    public const string Begun = "begun";

    /// <summary><see cref="Detail"/> of the end of an answer whose node was killed while it ran; written at the node's next start.</summary>
    public const string Interrupted = "interrupted";

    /// <summary>Whether it tells that an answer began: not how it ended.</summary>
    public bool IsBegun => Action == AuditAction.Generate && Detail == Begun && Target is not null;

    /// <summary>What kind of thing.</summary>
    public required AuditAction Action { get; init; }

    /// <summary>Whether it was done; false for what was refused or broke off.</summary>
    public required bool Succeeded { get; init; }

    /// <summary>For whom; null when nobody was proven.</summary>
    public TenantId? Tenant { get; init; }

    /// <summary>Who: see <see cref="Caller.Subject"/>; null when nobody was proven.</summary>
    public string? Subject { get; init; }

    /// <summary>What was done in a word or two, such as <c>activate</c>, or why it was refused, such as <c>queue_full</c>.</summary>
    public required string Detail { get; init; }

    /// <summary>
    /// What it was done to where the fields below do not say it, such as the tenant that was changed or the id of the key that was made. Of an answer the id that
    /// its <see cref="Begun"/> record and its end share; null where it never began.
    /// </summary>
    public string? Target { get; init; }

    /// <summary>How often it happened: above 1 where like things within a minute are kept as one record.</summary>
    public int Count { get; init; } = 1;

    /// <summary>The id that the answer carried.</summary>
    public string? RequestId { get; init; }

    /// <summary>The bank.</summary>
    public string? Bank { get; init; }

    /// <summary>The task.</summary>
    public string? TaskName { get; init; }

    /// <summary>The adapter version.</summary>
    public string? Version { get; init; }

    /// <summary>The bundle's content hash.</summary>
    public string? BundleHash { get; init; }

    /// <summary>The base model's hash.</summary>
    public string? BaseModelHash { get; init; }

    /// <summary>Tokens of the prompt.</summary>
    public int? PromptTokens { get; init; }

    /// <summary>Tokens generated; of an answer that broke off, those that were given by then.</summary>
    public int? CompletionTokens { get; init; }

    /// <summary>
    /// Of answers that another node began and that went on here: the tokens from there, at least 1. <see cref="CompletionTokens"/> and <see cref="AnswerHash"/> are of
    /// the whole answers all the same, and <see cref="RequestId"/> is that of the other node's records. Null for answers that began here.
    /// </summary>
    public int? BegunTokens { get; init; }

    /// <summary>
    /// HMAC-SHA-256 under the node's audit key, in hexadecimal digits, of the prompt as it was sent: a text in UTF-8, ids as little-endian i32, or
    /// of each message of a conversation its role (<c>system</c>, <c>user</c>, <c>assistant</c>), a zero byte, its text in UTF-8 and a zero byte.
    /// </summary>
    public string? PromptHash { get; init; }

    /// <summary>
    /// The same of the answer's text, or of its ids where it has no text; of several answers the hash of their hashes, written one after the other.
    /// Null for a request that was refused before an answer began.
    /// </summary>
    public string? AnswerHash { get; init; }
}

/// <summary>An entry as it was written: its place in the chain.</summary>
/// <param name="Sequence">1, 2, 3, … without a gap.</param>
/// <param name="At">When, by the node's clock, UTC.</param>
/// <param name="Node">Which node wrote it.</param>
/// <param name="Entry">What happened.</param>
/// <param name="PreviousHash">Hash of the record before; 64 zeros for the first.</param>
/// <param name="Hash">SHA-256 over all of the above, in hexadecimal digits; the bytes are laid down in the README of MoeLora.Serving.</param>
public sealed record AuditRecord(long Sequence, DateTimeOffset At, string Node, AuditEntry Entry, string PreviousHash, string Hash);
