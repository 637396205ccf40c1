using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Tests.Auditing;

/// <summary>A trail in memory that can be made to fail.</summary>
internal sealed class MemoryTrail : IAuditTrail
{
    private readonly Lock _gate = new();
    private readonly List<AuditEntry> _entries = [];

    public volatile bool Fails;

    public string? Problem { get; set; }

    public IReadOnlyList<AuditEntry> Entries
    {
        get
        {
            lock (_gate)
                return [.. _entries];
        }
    }

    public ValueTask AppendAsync(AuditEntry entry, CancellationToken cancellation = default)
    {
        if (Fails)
            throw new AuditUnavailableException("The audit trail cannot be written.", new IOException());
        lock (_gate)
            _entries.Add(entry);
        return ValueTask.CompletedTask;
    }

    public IAsyncEnumerable<AuditRecord> ReadAsync(AuditQuery query, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<AuditVerdict> VerifyAsync(CancellationToken cancellation = default) => throw new NotSupportedException();
}
