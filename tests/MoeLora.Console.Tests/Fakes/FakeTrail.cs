using System.Runtime.CompilerServices;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Console.Tests.Fakes;

/// <summary>An audit trail in memory.</summary>
internal sealed class FakeTrail : IAuditTrail
{
    private readonly Lock _lock = new();
    private readonly List<AuditRecord> _records = [];

    public AuditVerdict? Verdict { get; set; }

    public ValueTask AppendAsync(AuditEntry entry, CancellationToken cancellation = default)
    {
        lock (_lock)
            _records.Add(new AuditRecord(_records.Count + 1, DateTimeOffset.UtcNow, "node-1", entry, new string('0', 64), new string('a', 64)));
        return default;
    }

    public async IAsyncEnumerable<AuditRecord> ReadAsync(AuditQuery query, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        AuditRecord[] records;
        lock (_lock)
            records = [.. _records];
        foreach (AuditRecord record in records.Where(record => query.Action is null || record.Entry.Action == query.Action))
        {
            await Task.Yield();
            yield return record;
        }
    }

    public ValueTask<AuditVerdict> VerifyAsync(CancellationToken cancellation = default)
    {
        lock (_lock)
            return new(Verdict ?? new AuditVerdict(_records.Count, null, null, new string('a', 64)));
    }
}
