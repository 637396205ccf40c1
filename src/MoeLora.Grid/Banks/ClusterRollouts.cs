using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Serving.Nodes;

namespace MoeLora.Grid.Banks;

/// <summary>
/// The adapter versions of the whole cluster, on any silo. A bundle is kept and verified by the node of the silo that got it, but is no version anywhere until
/// the bank's gate says so.
/// </summary>
internal sealed partial class ClusterRollouts(
    ISiloNode node, IGrainFactory grains, ILocalSiloDetails self, SiloBoard board, BankSilos silos, BundleTransfer transfer, BankFollower follower, TimeProvider time, ILogger<ClusterRollouts> logger) : IRollouts
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ListPatience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <inheritdoc/>
    public async ValueTask<GridResult<AdapterVersionStatus>> PublishAsync(Stream bundle, Caller by, CancellationToken cancellation = default)
    {
        Dictionary<string, string> bases = await BasesAsync(cancellation);
        if (!(await node.StoreBundleAsync(bundle, stored => FindProblem(stored, bases), cancellation)).TryGet(out StoredBundle? stored, out GridError? error))
            return error;
        if (await transfer.ShareAsync(stored, cancellation) is { } notShared)
            return notShared;
        var message = new BundleMessage(stored.Version, stored.BundleHash, stored.BaseModelHash, new Dictionary<int, string>(stored.Tasks));
        return await AskAsync(stored.Bank, gate => gate.PublishAsync(message, self.SiloAddress.ToParsableString(), by.Subject), mayRepeat: true, cancellation);
    }

    /// <inheritdoc/>
    /// <remarks>A caller that gives up leaves a command that goes on: silos are loading already.</remarks>
    public async ValueTask<GridResult<AdapterVersionStatus>> ExecuteAsync(RolloutCommand command, Caller by, CancellationToken cancellation = default)
    {
        if (!(await BanksAsync()).TryGet(out string[]? banks, out GridError? error))
            return error;
        if (!banks.Contains(command.Bank, StringComparer.Ordinal))
            return NoBank(command.Bank, banks);
        // A second rollback would flip back again.
        return await AskAsync(command.Bank, gate => gate.ExecuteAsync(CommandMessage.Of(command), by.Subject), mayRepeat: command is not RollBack, cancellation);
    }

    /// <inheritdoc/>
    /// <remarks>A bank whose gate cannot be reached soon is listed as this silo was told last, each of its versions with a problem that says so.</remarks>
    public async ValueTask<GridResult<IReadOnlyList<AdapterVersionStatus>>> ListVersionsAsync(CancellationToken cancellation = default)
    {
        string[] known = [.. follower.Banks.Where(bank => follower.Told(bank) is { Versions.Length: > 0 })];
        if (!(await BanksAsync(ListPatience)).TryGet(out string[]? banks, out GridError? error) && known.Length == 0)
            return error;
        ILookup<(string Bank, string Version), VersionCount> counts = await silos.CountAsync().WaitAsync(cancellation);
        AdapterVersionStatus[][] all = await Task.WhenAll((banks ?? []).Union(known, StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(bank => ListAsync(bank, counts))).WaitAsync(cancellation);
        return GridResult<IReadOnlyList<AdapterVersionStatus>>.Success([.. all.SelectMany(versions => versions)]);
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<IReadOnlyList<RolloutChange>>> HistoryAsync(string bank, int limit, CancellationToken cancellation = default)
    {
        if (limit is < 1 or > GateLedger.MostChanges)
            return new GridError(GridErrorKind.InvalidRequest, $"'limit' must be between 1 and {GateLedger.MostChanges}.", "limit");
        if (!(await BanksAsync()).TryGet(out string[]? banks, out GridError? error))
            return error;
        if (!banks.Contains(bank, StringComparer.Ordinal))
            return NoBank(bank, banks);
        try
        {
            ChangeMessage[] changes = await grains.GetGrain<IGateGrain>(bank).HistoryAsync(limit).WaitAsync(cancellation);
            return GridResult<IReadOnlyList<RolloutChange>>.Success([.. changes.Select(change => change.ToChange())]);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return Unreachable(e);
        }
    }

    private async Task<AdapterVersionStatus[]> ListAsync(string bank, ILookup<(string Bank, string Version), VersionCount> counts)
    {
        BankMessage message;
        string? problem = null;
        try
        {
            message = await grains.GetGrain<IGateGrain>(bank).DescribeAsync().WaitAsync(ListPatience, time);
        }
        catch (Exception e)
        {
            LogUnreachable(e);
            message = follower.Told(bank) ?? new BankMessage { Bank = bank };
            problem = "The bank's gate cannot be reached now; this is what this silo was told last.";
        }

        return
        [
            .. message.Versions.OrderByDescending(version => version.Published).ThenByDescending(version => version.Version, StringComparer.Ordinal)
                .Select(version => Describe(bank, version, counts[(bank, version.Version)])).Select(status => problem is null ? status : status with { Problem = problem }),
        ];
    }

    private async Task<GridResult<AdapterVersionStatus>> AskAsync(string bank, Func<IGateGrain, Task<CommandReply>> ask, bool mayRepeat, CancellationToken cancellation)
    {
        long began = time.GetTimestamp();
        while (true)
        {
            try
            {
                CommandReply reply = await ask(grains.GetGrain<IGateGrain>(bank)).WaitAsync(cancellation);
                return reply.Version is { } version ? GridResult<AdapterVersionStatus>.Success(Describe(bank, version, [])) : reply.Error!.ToError();
            }
            catch (Exception e) when (e is SiloUnavailableException or OrleansMessageRejectionException && mayRepeat && time.GetElapsedTime(began) < Patience)
            {
                // The gate's silo died: it wakes up elsewhere, undoes what was left half done, and takes the command again.
                LogGateDied(bank, e);
                await Task.Delay(Pause, time, cancellation);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                return Unreachable(e);
            }
        }
    }

    private async Task<GridResult<string[]>> BanksAsync(TimeSpan? patience = null)
    {
        try
        {
            return GridResult<string[]>.Success(await grains.GetGrain<IBankIndexGrain>(0).ListAsync().WaitAsync(patience ?? Timeout.InfiniteTimeSpan, time));
        }
        catch (Exception e)
        {
            return Unreachable(e);
        }
    }

    /// <summary>The base models of all silos: hash and name.</summary>
    private async Task<Dictionary<string, string>> BasesAsync(CancellationToken cancellation)
    {
        var bases = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (BaseReport each in board.Reports.SelectMany(silo => silo.Bases))
            bases[each.Hash] = each.Name;
        if ((await node.Overview.DescribeAsync(cancellation)).TryGet(out GridOverview? overview, out _))
        {
            foreach (EngineOverview engine in overview.Nodes.SelectMany(each => each.Engines))
                bases[engine.BaseModelHash["sha256:".Length..]] = engine.BaseModel;
        }

        return bases;
    }

    private static GridError? FindProblem(StoredBundle bundle, Dictionary<string, string> bases) => bases.ContainsKey(bundle.BaseModelHash)
        ? null
        : new GridError(
            GridErrorKind.InvalidRequest,
            $"The bundle is for a base model that this grid does not have: sha256:{bundle.BaseModelHash}. It has: {string.Join(", ", bases.Select(model => $"{model.Value} (sha256:{model.Key})").Order(StringComparer.Ordinal))}.");

    private static AdapterVersionStatus Describe(string bank, VersionMessage version, IEnumerable<VersionCount> counts) => new()
    {
        Bank = bank,
        Version = version.Version,
        BundleHash = version.BundleHash,
        BaseModelHash = "sha256:" + version.BaseModelHash,
        Tasks = version.Tasks.OrderBy(task => task.Key).ToDictionary(),
        State = version.State,
        Problem = version.Problem,
        Canary = version.CanaryShare is { } canary ? new CanaryRule(canary, [.. version.CanaryTenants.Select(TenantId.Parse)]) : null,
        Shadow = version.ShadowShare is { } shadow ? new ShadowStatus(shadow, counts.Sum(each => each.Compared), counts.Sum(each => each.Equal), counts.Sum(each => each.Dropped)) : null,
        RunningSequences = counts.Sum(each => each.Running),
        Published = version.Published,
        Since = version.Since,
        Revision = version.Revision,
    };

    private static GridError NoBank(string name, string[] there) => new(
        GridErrorKind.NotFound, there.Length == 0 ? "There is no bank yet; publish a bundle first." : $"There is no bank '{name}'. There are: {string.Join(", ", there)}.");

    private GridError Unreachable(Exception e)
    {
        LogUnreachable(e);
        return new GridError(
            GridErrorKind.Unavailable, "The bank's gate cannot be reached, or its storage cannot be read; what is active goes on answering. See the versions' state before trying again.", RetryAfter: TimeSpan.FromSeconds(5));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The silo of the gate of {Bank} died during a command; it is given again.")]
    private partial void LogGateDied(string bank, Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "A gate could not be asked.")]
    private partial void LogUnreachable(Exception exception);
}
