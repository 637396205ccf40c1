namespace MoeLora.Contracts.Auditing;

/// <summary>The append-only, hash-chained memory of who did what. Safe for any number of callers at once.</summary>
public interface IAuditTrail
{
    /// <summary>Why nothing can be written now, for a person and without a path; null when entries can be written. Kept up to date by itself.</summary>
    string? Problem => null;

    /// <summary>Appends an entry. Completes when it is durable. An entry whose caller gives up meanwhile may still be written.</summary>
    /// <exception cref="AuditUnavailableException">It could not be written. What it tells of must not be done.</exception>
    /// <exception cref="ArgumentException">A text of the entry is longer than 4,096 bytes in UTF-8.</exception>
    ValueTask AppendAsync(AuditEntry entry, CancellationToken cancellation = default);

    /// <summary>Records in the order of the chain.</summary>
    /// <param name="query">Which.</param>
    /// <param name="cancellation">Gives up.</param>
    IAsyncEnumerable<AuditRecord> ReadAsync(AuditQuery query, CancellationToken cancellation = default);

    /// <summary>Computes the whole chain again.</summary>
    ValueTask<AuditVerdict> VerifyAsync(CancellationToken cancellation = default);
}

/// <summary>Which records to read; what is null does not matter.</summary>
public sealed record AuditQuery
{
    /// <summary>Records after this place.</summary>
    public long After { get; init; }

    /// <summary>Written at this time or later.</summary>
    public DateTimeOffset? From { get; init; }

    /// <summary>Written before this time.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Of this tenant.</summary>
    public Tenants.TenantId? Tenant { get; init; }

    /// <summary>Of this kind.</summary>
    public AuditAction? Action { get; init; }

    /// <summary>At most so many.</summary>
    public int? Limit { get; init; }
}

/// <summary>Whether the chain is whole.</summary>
/// <param name="Records">Records looked at.</param>
/// <param name="BrokenAt">The place of the first record that is changed, missing or out of order; null when none is.</param>
/// <param name="Problem">What is wrong there; null when nothing is.</param>
/// <param name="LastHash">Hash of the last record: kept elsewhere, it proves later that none was cut off. 64 zeros for an empty trail.</param>
public sealed record AuditVerdict(long Records, long? BrokenAt, string? Problem, string LastHash)
{
    /// <summary>Place of the first record there is: above 1 where older segments were archived; 0 for an empty trail.</summary>
    public long FirstSequence { get; init; }

    /// <summary>Place of the last good record; <see cref="LastHash"/> is its hash.</summary>
    public long LastSequence { get; init; }
}

/// <summary>The audit trail cannot be written now.</summary>
public sealed class AuditUnavailableException(string message, Exception inner) : Exception(message, inner);
