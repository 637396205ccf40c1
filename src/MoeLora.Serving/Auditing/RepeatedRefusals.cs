using System.Runtime.InteropServices;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Serving.Auditing;

/// <summary>
/// A trail in front of a trail: refusals that are alike within a minute become one record with their number, so that nobody can fill a disk by knocking.
/// The first of each is written at once, the others when the minute is over. Every other entry passes as it is.
/// </summary>
/// <remarks>
/// Refusals are denied accesses, and requests that were refused before an answer began. Alike are those of the same action, tenant, subject, detail, bank
/// and task. At most <see cref="MostKinds"/> kinds are told apart in a minute; the rest count as one of their action. While the trail cannot be written,
/// refusals go on being counted.
/// </remarks>
public sealed class RepeatedRefusals : IAuditTrail, IAsyncDisposable
{
    /// <summary>Most kinds of refusals that are told apart in a minute.</summary>
    public const int MostKinds = 256;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly IAuditTrail _trail;
    private readonly ITimer _timer;
    private readonly Lock _gate = new();
    private Dictionary<Kind, int> _counts = []; // refusals of this minute that are not written
    private Task _flushing = Task.CompletedTask;

    /// <summary>Stands in front of a trail.</summary>
    /// <param name="trail">The trail; not disposed.</param>
    /// <param name="time">Where the minutes come from.</param>
    public RepeatedRefusals(IAuditTrail trail, TimeProvider time)
    {
        _trail = trail;
        _timer = time.CreateTimer(_ => Flush(), null, Window, Window);
    }

    /// <inheritdoc/>
    public string? Problem => _trail.Problem;

    /// <inheritdoc/>
    public ValueTask AppendAsync(AuditEntry entry, CancellationToken cancellation = default)
    {
        if (!IsRefusal(entry))
            return _trail.AppendAsync(entry, cancellation);
        var kind = new Kind(entry.Action, entry.Tenant, entry.Subject, entry.Detail, entry.Bank, entry.TaskName);
        lock (_gate)
        {
            if (_counts.Count >= MostKinds && !_counts.ContainsKey(kind))
                kind = Kind.Others(entry.Action);
            ref int count = ref CollectionsMarshal.GetValueRefOrAddDefault(_counts, kind, out bool isKnown);
            if (isKnown)
            {
                count += entry.Count;
                return ValueTask.CompletedTask;
            }
        }

        return AppendFirstAsync(entry, kind, cancellation);
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<AuditRecord> ReadAsync(AuditQuery query, CancellationToken cancellation = default) => _trail.ReadAsync(query, cancellation);

    /// <inheritdoc/>
    public ValueTask<AuditVerdict> VerifyAsync(CancellationToken cancellation = default) => _trail.VerifyAsync(cancellation);

    /// <summary>Writes what was counted.</summary>
    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        Flush();
        await _flushing;
    }

    private static bool IsRefusal(AuditEntry entry) =>
        !entry.Succeeded && (entry.Action == AuditAction.Access || (entry.Action == AuditAction.Generate && entry is { AnswerHash: null, Target: null }));

    private async ValueTask AppendFirstAsync(AuditEntry entry, Kind kind, CancellationToken cancellation)
    {
        try
        {
            await _trail.AppendAsync(entry, cancellation);
        }
        catch (AuditUnavailableException)
        {
            Keep(kind, entry.Count); // what was refused stays refused
        }
    }

    private void Flush()
    {
        lock (_gate)
        {
            Dictionary<Kind, int> counts = _counts;
            _counts = [];
            _flushing = WriteAsync(_flushing, counts);
        }
    }

    private async Task WriteAsync(Task before, Dictionary<Kind, int> counts)
    {
        await before;
        foreach ((Kind kind, int count) in counts)
        {
            if (count == 0)
                continue;
            try
            {
                await _trail.AppendAsync(new AuditEntry
                {
                    Action = kind.Action,
                    Succeeded = false,
                    Tenant = kind.Tenant,
                    Subject = kind.Subject,
                    Detail = kind.Detail,
                    Bank = kind.Bank,
                    TaskName = kind.TaskName,
                    Count = count,
                });
            }
            catch (AuditUnavailableException)
            {
                Keep(kind, count);
            }
        }
    }

    /// <summary>Counts go into the next minute while the trail cannot be written.</summary>
    private void Keep(Kind kind, int count)
    {
        lock (_gate)
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, kind, out _) += count;
    }

    private readonly record struct Kind(AuditAction Action, TenantId? Tenant, string? Subject, string Detail, string? Bank, string? TaskName)
    {
        public static Kind Others(AuditAction action) => new(action, null, null, "refused", null, null);
    }
}
