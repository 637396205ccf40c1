using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Console.Tests.Fakes;

/// <summary>An audit trail in memory.</summary>
internal sealed class FakeTrail : IAuditTrail
{
    private readonly Lock _lock = new();
    private readonly List<AuditRecord> _records = [];

    public AuditVerdict? Verdict { get; set; }

    private string LastHash => _records.Count == 0 ? new string('0', 64) : _records[^1].Hash;

    public ValueTask AppendAsync(AuditEntry entry, CancellationToken cancellation = default)
    {
        Add(TimeSpan.Zero, entry);
        return default;
    }

    /// <summary>A record of some time ago; its hash is made up.</summary>
    public void Add(TimeSpan age, AuditEntry entry)
    {
        lock (_lock)
        {
            string previous = LastHash;
            string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{previous} {entry}")));
            _records.Add(new AuditRecord(_records.Count + 1, DateTimeOffset.UtcNow - age, "node-1", entry, previous, hash));
        }
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
            return new(Verdict ?? new AuditVerdict(_records.Count, null, null, LastHash));
    }
}
