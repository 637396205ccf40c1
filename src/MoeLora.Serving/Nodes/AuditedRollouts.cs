using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Serving.Nodes;

/// <summary>
/// Rollouts whose every command leaves a record, carried out or refused. While the trail cannot be written, nothing is changed. A command whose record
/// could not be written after it was carried out says so in its answer.
/// </summary>
internal sealed class AuditedRollouts(IRollouts rollouts, IAuditTrail trail) : IRollouts
{
    public ValueTask<GridResult<AdapterVersionStatus>> PublishAsync(Stream bundle, Caller by, CancellationToken cancellation = default) =>
        PublishAsync(() => rollouts.PublishAsync(bundle, by, cancellation), by);

    /// <summary>Publishes in another way, and records it as publishing is.</summary>
    public async ValueTask<GridResult<AdapterVersionStatus>> PublishAsync(Func<ValueTask<GridResult<AdapterVersionStatus>>> publish, Caller by) =>
        trail.Problem is { } problem ? Unrecorded(problem) : await RecordAsync("publish", null, null, by, await publish());

    public async ValueTask<GridResult<AdapterVersionStatus>> ExecuteAsync(RolloutCommand command, Caller by, CancellationToken cancellation = default)
    {
        if (trail.Problem is { } problem)
            return Unrecorded(problem);
        (string detail, string? version) = command switch
        {
            LoadVersion load => ("load", load.Version),
            ActivateVersion activate => ("activate", activate.Version),
            StartCanary canary => ("canary", canary.Version),
            StartShadow shadow => ("shadow", shadow.Version),
            RetireVersion retire => ("retire", retire.Version),
            RollBack => ("rollback", (string?)null),
            _ => throw new ArgumentException("Unknown kind of command.", nameof(command)),
        };
        return await RecordAsync(detail, command.Bank, version, by, await rollouts.ExecuteAsync(command, by, cancellation));
    }

    public ValueTask<GridResult<IReadOnlyList<AdapterVersionStatus>>> ListVersionsAsync(CancellationToken cancellation = default) => rollouts.ListVersionsAsync(cancellation);

    public ValueTask<GridResult<IReadOnlyList<RolloutChange>>> HistoryAsync(string bank, int limit, CancellationToken cancellation = default) =>
        rollouts.HistoryAsync(bank, limit, cancellation);

    private async Task<GridResult<AdapterVersionStatus>> RecordAsync(string detail, string? bank, string? version, Caller by, GridResult<AdapterVersionStatus> result)
    {
        bool isDone = result.TryGet(out AdapterVersionStatus? status, out GridError? error);
        var entry = new AuditEntry
        {
            Action = AuditAction.Rollout,
            Succeeded = isDone,
            Tenant = by.Tenant,
            Subject = by.Subject,
            Detail = detail,
            Target = error?.Kind.ToString(),
            Bank = status?.Bank ?? bank,
            Version = status?.Version ?? version,
            BundleHash = status?.BundleHash,
            BaseModelHash = status?.BaseModelHash,
        };
        try
        {
            await trail.AppendAsync(entry, CancellationToken.None);
            return result;
        }
        catch (AuditUnavailableException e)
        {
            return new GridError(GridErrorKind.Unavailable, isDone
                ? $"The command was carried out ({status!.Bank}@{status.Version} is {status.State.ToString().ToLowerInvariant()}), but it could not be recorded: {e.Message}"
                : $"{error!.Message} This refusal could not be recorded: {e.Message}");
        }
    }

    private static GridError Unrecorded(string problem) =>
        new(GridErrorKind.Unavailable, problem + " Nothing is changed while it cannot be recorded.", RetryAfter: TimeSpan.FromSeconds(5));
}
