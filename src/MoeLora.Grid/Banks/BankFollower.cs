using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Serving.Registry;

namespace MoeLora.Grid.Banks;

/// <summary>
/// Brings a silo's node to the state of the banks that their gates decide: one pass at a time for each bank, always towards the newest state that the silo was told.
/// A pass looks at what the node has and does what differs, so that it may be repeated, and mends what an earlier one could not. Safe for any number of callers.
/// </summary>
internal sealed partial class BankFollower(ISiloNode node, BundleTransfer transfer, TimeProvider time, ILogger<BankFollower> logger) : IBankReports
{
    /// <summary>How long what failed is not tried again while the gate decides nothing new: a load that fails may take long.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    private static readonly Caller Self = new(TenantId.Local, GateGrain.Gate, Roles.Operator);

    private readonly ConcurrentDictionary<string, FollowedBank> _banks = new(StringComparer.Ordinal);
    private volatile IReadOnlySet<string>? _bases;

    /// <inheritdoc/>
    public IEnumerable<BankReport> Reports => _banks.Values.Select(Describe).OfType<BankReport>();

    /// <summary>How long a version that was called back stays although its bank does not need it.</summary>
    public TimeSpan RecallTime { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>The banks that the silo was told of, or that its node has.</summary>
    public IEnumerable<string> Banks => _banks.Keys;

    /// <summary>Told when a report changed; ends when other silos know it. Set once, before the first pass.</summary>
    public Func<Task> Announce { get; set; } = () => Task.CompletedTask;

    /// <summary>Whether the silo follows a bank: its node was brought to what the gate decided. Something newer may be on its way.</summary>
    public bool Follows(string bank) => Find(bank) is { Followed: not null, Problems.IsEmpty: true } known && !IsLate(known);

    /// <summary>A bank as the silo was told last; null for one that it was not told of.</summary>
    public BankMessage? Told(string bank) => Find(bank)?.Wanted;

    /// <summary>Whether a request may be answered here: the silo follows the bank, or has the version that the request names.</summary>
    /// <param name="bank">Its bank.</param>
    /// <param name="version">The version that it names; null for whichever answers new requests.</param>
    public bool MayAnswer(string bank, string? version) => Follows(bank) || (version is not null && Find(bank)?.Report?.Loaded.Contains(version, StringComparer.Ordinal) == true);

    /// <summary>The revision of a bank that the node was last brought to; −1 before the first.</summary>
    public long Revision(string bank) => Find(bank)?.Followed?.Revision ?? -1;

    /// <summary>Whether there is something to do although the gate decided nothing new: what failed is tried again, and what was called back goes again.</summary>
    public bool HasMore(string bank) => Find(bank) is { } known && ((!known.Problems.IsEmpty && MayTry(known)) || known.Recalled.Values.Any(IsOver));

    /// <summary>Brings the node to a bank's state, or to a newer one that it was told meanwhile.</summary>
    public async Task<FollowReply> FollowAsync(BankMessage wanted)
    {
        FollowedBank bank = _banks.GetOrAdd(wanted.Bank, name => new FollowedBank(name));
        bank.Want(wanted, time.GetTimestamp());
        // Off the caller's scheduler: a grain goes on with other calls.
        return await Task.Run(() => FollowAsync(bank));
    }

    /// <summary>
    /// Brings back a version that was taken out of memory, for an answer that began on it elsewhere. It stays <see cref="RecallTime"/> at least; answers that run on it
    /// then go on to their end.
    /// </summary>
    /// <returns>Why it cannot answer here; null when it can.</returns>
    public async Task<GridError?> RecallAsync(string bankName, string versionName, CancellationToken cancellation)
    {
        if (Find(bankName) is not { Wanted: { } wanted } bank || wanted.Versions.FirstOrDefault(version => version.Version == versionName) is not { } version)
            return new GridError(GridErrorKind.ModelNotFound, $"The silo {node.Name} knows no {bankName}@{versionName}.", "model");
        if (version is { Deadline: { } deadline } && (version.State == RolloutState.Retired || (version.State == RolloutState.Draining && time.GetUtcNow() >= version.Since + deadline)))
            return new GridError(GridErrorKind.Withdrawn, $"{bankName}@{versionName} was taken out of service; its answers had until a deadline that is over. Send the request again.");
        bank.Recalled[new AdapterVersion(versionName)] = time.GetTimestamp();
        var load = new LoadVersion(bankName, versionName);
        GridResult<AdapterVersionStatus> loaded = await node.Rollouts.ExecuteAsync(load, Self, cancellation);
        if (!loaded.TryGet(out _, out GridError? error) && error.Kind == GridErrorKind.NotFound && (await PublishAsync(version)).TryGet(out _, out error))
            loaded = await node.Rollouts.ExecuteAsync(load, Self, cancellation);
        return loaded.TryGet(out _, out error) ? null : error;
    }

    /// <summary>Looks at the node again: drains end, and it may have banks from before its last stop that no gate has spoken of yet.</summary>
    public async Task RefreshReportsAsync()
    {
        if (await BasesAsync() is null)
            return;
        // A pass reports itself when it ends; what was listed while it ran would be older than what it says then.
        List<FollowedBank> idle = [.. _banks.Values.Where(bank => bank.Turn.Wait(0))];
        try
        {
            if (!(await node.Rollouts.ListVersionsAsync()).TryGet(out IReadOnlyList<AdapterVersionStatus>? versions, out _))
                return;
            ILookup<string, AdapterVersionStatus> here = versions.ToLookup(version => version.Bank, StringComparer.Ordinal);
            foreach (string name in here.Select(bank => bank.Key))
            {
                var found = new FollowedBank(name);
                found.Turn.Wait(0);
                if (_banks.TryAdd(name, found))
                    idle.Add(found);
            }

            foreach (FollowedBank bank in idle)
                Report(bank, [.. here[bank.Name]]);
        }
        finally
        {
            foreach (FollowedBank bank in idle)
                bank.Turn.Release();
        }
    }

    private async Task<FollowReply> FollowAsync(FollowedBank bank)
    {
        FollowReply reply = await ApproachAsync(bank);
        // Whoever asked may tell people that it is done, and they ask any silo: all know it by then, whoever's pass it was.
        if (bank.Report is { } report && !IsSame(bank.Announced, report))
        {
            await Announce();
            bank.Announced = report;
        }

        return reply;
    }

    private async Task<FollowReply> ApproachAsync(FollowedBank bank)
    {
        await bank.Turn.WaitAsync();
        try
        {
            BankMessage wanted = bank.Wanted!;
            bool wasExcluded = !bank.Problems.IsEmpty;
            if (node.Grid.Status.Phase != GridPhase.Ready || await BasesAsync() is not { } bases)
                return new FollowReply { Node = node.Name, Revision = bank.Followed?.Revision ?? -1 };
            bool isSame = bank.Followed?.Revision == wanted.Revision;
            Dictionary<string, string> problems = isSame && !MayTry(bank) ? new(bank.Problems) : [];
            if (problems.Count == 0)
                bank.Tried = time.GetTimestamp();
            BankRecord record = wanted.ToRecord();
            IReadOnlyList<AdapterVersionStatus>? here = await ApproachAsync(bank, wanted, record, bases, problems);
            if (here is null || node.Grid.Status.Phase != GridPhase.Ready)
                return new FollowReply { Node = node.Name, Revision = bank.Followed?.Revision ?? -1 };

            // What was to be loaded and failed is the gate's to decide about; what should answer and cannot keeps the silo from answering for the bank.
            bank.Problems = problems.Where(problem => record.Versions.GetValueOrDefault(new AdapterVersion(problem.Key)) is null or { State: RolloutState.Verified or RolloutState.Canary or RolloutState.Active }).ToImmutableDictionary();
            bank.Followed = wanted;
            Report(bank, here);
            PrefetchInBackground(wanted, here, bases);
            return new FollowReply
            {
                Node = node.Name,
                Revision = wanted.Revision,
                Loaded = [.. here.Where(FollowPlan.CanAnswer).Select(version => version.Version)],
                Draining = [.. here.Where(version => version.State == RolloutState.Draining).Select(version => version.Version)],
                Problems = problems,
                WasExcluded = wasExcluded,
            };
        }
        finally
        {
            bank.Turn.Release();
        }
    }

    /// <summary>Step by step.</summary>
    /// <returns>What the node has in the end; null when it does not take commands now.</returns>
    private async Task<IReadOnlyList<AdapterVersionStatus>?> ApproachAsync(
        FollowedBank bank, BankMessage wanted, BankRecord record, IReadOnlySet<string> bases, Dictionary<string, string> problems)
    {
        // One that is called back anew meanwhile has another time, and stays.
        foreach (KeyValuePair<AdapterVersion, long> recalled in bank.Recalled.Where(each => IsOver(each.Value)).ToArray())
            bank.Recalled.TryRemove(recalled);

        var messages = wanted.Versions.ToDictionary(version => version.Version, StringComparer.Ordinal);
        int most = 8 + (4 * record.Versions.Count);
        for (int steps = 0; ; steps++)
        {
            if (!(await node.Rollouts.ListVersionsAsync()).TryGet(out IReadOnlyList<AdapterVersionStatus>? all, out _))
                return null;
            AdapterVersionStatus[] here = [.. all.Where(version => version.Bank == bank.Name)];
            var plan = new FollowPlan(record, here)
            {
                IsLeftOut = version => problems.ContainsKey(version.ToString()) || (record.Versions.GetValueOrDefault(version) is { } known && !bases.Contains(known.BaseModelHash)),
                IsKept = bank.Recalled.ContainsKey,
                Deadline = version => messages.GetValueOrDefault(version.ToString())?.Deadline,
            };
            if (plan.Next() is not { } step)
            {
                Check(record, here, bases, problems);
                return here;
            }

            GridResult<AdapterVersionStatus> result = step.Command is { } command && steps < most
                ? await node.Rollouts.ExecuteAsync(command, Self)
                : steps < most ? await PublishAsync(messages[step.Version.ToString()])
                : new GridError(GridErrorKind.Internal, "The node does not settle; its log says more.");
            if (result.TryGet(out _, out GridError? error))
                continue;
            if (error.Kind is GridErrorKind.NotReady or GridErrorKind.Stopping)
                return null;
            LogStepFailed(bank.Name, step.Version, error.Message);
            problems[step.Version.ToString()] = error.Message;
        }
    }

    /// <summary>The active version must be what answers.</summary>
    private static void Check(BankRecord record, AdapterVersionStatus[] here, IReadOnlySet<string> bases, Dictionary<string, string> problems)
    {
        string? active = here.SingleOrDefault(version => version.State == RolloutState.Active)?.Version;
        string? wanted = record.Active?.ToString();
        if (active == wanted)
            return;
        if (wanted is not null && !bases.Contains(record.Versions[record.Active!.Value].BaseModelHash))
            problems.TryAdd(wanted, $"This silo does not have its base model, sha256:{record.Versions[record.Active.Value].BaseModelHash}.");
        else if (wanted is not null)
            problems.TryAdd(wanted, "It is not active on this silo.");
        else if (active is not null)
            problems.TryAdd(active, "It is active on this silo, but the bank's gate knows no active version; activate one.");
    }

    private async Task<GridResult<AdapterVersionStatus>> PublishAsync(VersionMessage version)
    {
        GridResult<AdapterVersionStatus> published = await node.PublishStoredAsync(version.BundleHash, Self);
        if (published.TryGet(out _, out GridError? error) || error.Kind != GridErrorKind.NotFound)
            return published;
        return await transfer.FetchAsync(version) is { } problem ? problem : await node.PublishStoredAsync(version.BundleHash, Self);
    }

    /// <summary>A bundle that is only published is fetched too, so that more than one silo holds it before it is needed.</summary>
    private void PrefetchInBackground(BankMessage bank, IReadOnlyList<AdapterVersionStatus> here, IReadOnlySet<string> bases)
    {
        foreach (VersionMessage version in bank.Versions)
        {
            if (version.State == RolloutState.Published && bases.Contains(version.BaseModelHash) && here.All(known => known.BundleHash != version.BundleHash))
                _ = PrefetchAsync(version);
        }
    }

    private async Task PrefetchAsync(VersionMessage version)
    {
        try
        {
            if (!(await PublishAsync(version)).TryGet(out _, out GridError? error))
                LogNotPrefetched(version.BundleHash, error.Message, null);
        }
        catch (Exception e)
        {
            LogNotPrefetched(version.BundleHash, e.Message, e);
        }
    }

    private void Report(FollowedBank bank, IReadOnlyList<AdapterVersionStatus> here)
    {
        AdapterVersionStatus? active = here.SingleOrDefault(version => version.State == RolloutState.Active);
        string problem = bank.Followed is null
            ? $"The silo has not heard from the gate of the bank '{bank.Name}' yet."
            : string.Join(" ", bank.Problems.OrderBy(each => each.Key, StringComparer.Ordinal).Select(each => $"{bank.Name}@{each.Key}: {each.Value}"));
        if ((active ?? here.MaxBy(version => version.Published))?.BaseModelHash["sha256:".Length..] is { } baseModel)
        {
            bank.Report = new BankReport
            {
                Bank = bank.Name,
                BaseModelHash = baseModel,
                Revision = bank.Followed?.Revision ?? -1,
                Active = active?.Version,
                Loaded = [.. here.Where(FollowPlan.CanAnswer).Select(version => version.Version)],
                Tasks = active is null ? [] : bank.Report is { } last && last.TasksOf == active.BundleHash ? last.Tasks : new Dictionary<int, string>(active.Tasks),
                TasksOf = active is { Tasks.Count: > 0 } ? active.BundleHash : null,
                Problem = problem.Length > 0 ? problem : null,
            };
        }
        else if (bank.Followed is { Versions.Length: > 0 } followed)
        {
            bank.Report = FollowedBank.ReportOfNone(followed, followed.Revision, problem.Length > 0 ? problem : null);
        }
    }

    /// <summary>What the silo says of a bank while a pass that takes long has not said anything yet.</summary>
    private BankReport? Describe(FollowedBank bank)
    {
        if (bank.Report is not { } report)
        {
            return bank.Wanted is { } wanted && wanted.Versions.Any(version => version.State is RolloutState.Verified or RolloutState.Canary or RolloutState.Active)
                ? FollowedBank.ReportOfNone(wanted, -1, $"The silo is fetching and loading the bank '{bank.Name}'.")
                : null;
        }

        return IsLate(bank) ? report with { Problem = $"The silo has not changed to {bank.Name}@{bank.Wanted!.Active} yet." } : report;
    }

    /// <summary>Whether the gate has flipped for longer than it waits, and the silo has not: what holds up its pass may take long.</summary>
    private bool IsLate(FollowedBank bank) => bank is { Followed: { } followed, Wanted: { } wanted } && followed.Active != wanted.Active && time.GetElapsedTime(bank.Flipped) > GateGrain.FlipPatience;

    private static bool IsSame(BankReport? one, BankReport? other) =>
        one is not null && other is not null && (one.Revision, one.Active, one.Problem) == (other.Revision, other.Active, other.Problem) && one.Loaded.SequenceEqual(other.Loaded);

    private async ValueTask<IReadOnlySet<string>?> BasesAsync()
    {
        if (_bases is { } known)
            return known;
        // They are fixed once the node is ready.
        if (node.Grid.Status.Phase != GridPhase.Ready || !(await node.Overview.DescribeAsync()).TryGet(out GridOverview? overview, out _))
            return null;
        return _bases = overview.Nodes.SelectMany(each => each.Engines).Select(engine => engine.BaseModelHash["sha256:".Length..]).ToHashSet(StringComparer.Ordinal);
    }

    private bool MayTry(FollowedBank bank) => bank.Tried is not { } tried || time.GetElapsedTime(tried) >= RetryAfter;

    private bool IsOver(long recalled) => time.GetElapsedTime(recalled) > RecallTime;

    private FollowedBank? Find(string bank) => _banks.GetValueOrDefault(bank);

    [LoggerMessage(Level = LogLevel.Error, Message = "The silo cannot follow the gate of the bank {Bank} with its version {Version}: {Problem}")]
    private partial void LogStepFailed(string bank, AdapterVersion version, string problem);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The bundle {Bundle} could not be fetched ahead; it is fetched again when it is needed: {Problem}")]
    private partial void LogNotPrefetched(string bundle, string problem, Exception? exception);
}
