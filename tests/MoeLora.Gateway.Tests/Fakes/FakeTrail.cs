using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Gateway.Tests.Fakes;

/// <summary>An audit trail in memory.</summary>
internal sealed class FakeTrail : IAuditTrail
{
    private readonly ConcurrentQueue<AuditEntry> _entries = new();

    public IReadOnlyList<AuditEntry> Entries => [.. _entries];

    public AuditQuery? LastQuery { get; private set; }

    public bool Broken { get; set; }

    public List<AuditRecord> Records { get; } = [];

    public ValueTask AppendAsync(AuditEntry entry, CancellationToken cancellation = default)
    {
        if (Broken)
            throw new AuditUnavailableException("The disk is full.", new IOException());
        _entries.Enqueue(entry);
        return default;
    }

    public async IAsyncEnumerable<AuditRecord> ReadAsync(AuditQuery query, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        LastQuery = query;
        foreach (AuditRecord record in Records)
        {
            await Task.Yield();
            yield return record;
        }
    }

    public ValueTask<AuditVerdict> VerifyAsync(CancellationToken cancellation = default) => new(new AuditVerdict(7, null, null, "abc"));
}
