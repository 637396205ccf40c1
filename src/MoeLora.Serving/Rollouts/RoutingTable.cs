using MoeLora.Adapters;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Serving.Rollouts;

/// <summary>Where a request goes.</summary>
/// <param name="Version">The version that answers.</param>
/// <param name="AdapterTask">Its task.</param>
/// <param name="Shadow">A version that gets a copy of the request, whose answer is compared and thrown away; null for most requests.</param>
internal sealed record Route(ServedVersion Version, AdapterTask AdapterTask, ServedVersion? Shadow);

/// <summary>Which versions answer which requests, at one moment. Immutable: a change publishes another table.</summary>
/// <param name="banks">In any order.</param>
/// <param name="limits">Of whom it is the view; null for everybody's.</param>
internal sealed class RoutingTable(IEnumerable<BankRoutes> banks, TenantLimits? limits = null)
{
    private const int MostListed = 100;

    private readonly BankRoutes[] _banks = [.. banks.OrderBy(bank => bank.Bank, StringComparer.Ordinal)];

    public static RoutingTable Empty { get; } = new([]);

    /// <summary>By name.</summary>
    public IReadOnlyList<BankRoutes> Banks => _banks;

    /// <summary>What a tenant may ask of it. For names in errors: whether a request is allowed is decided by its limits, not by what it can find.</summary>
    public RoutingTable VisibleTo(TenantLimits tenant) => new(
        _banks.Where(bank => tenant.AllowedTasks is null || tenant.AllowedTasks.Any(allowed => allowed.StartsWith(bank.Bank + '/', StringComparison.Ordinal)))
            .Select(bank => bank with { ActiveTasks = bank.ActiveTasks.Where(task => tenant.Allows(bank.Bank, task.Value)).ToDictionary() }),
        tenant);

    public BankRoutes? Find(string bank) => Array.Find(_banks, each => each.Bank == bank);

    /// <summary>
    /// Finds the version and the task that a request names: a task of exactly this name first; then the text in its parts. An explicit
    /// version is taken or refused, never replaced. Without one the bank's rules decide, by the tenant and <paramref name="requestKey"/>.
    /// </summary>
    /// <param name="model">What the request names.</param>
    /// <param name="tenant">For whom.</param>
    /// <param name="requestKey">The request's own id, or its seed as text: the same key gets the same version as long as the rules are the same.</param>
    public GridResult<Route> Resolve(ModelRef model, TenantId tenant, string requestKey)
    {
        if (FindNew(_banks, model.Text, byId: false, tenant, requestKey) is { } whole)
            return whole;
        (string? bankName, string taskText, string? version) = model.Split();
        BankRoutes[] banks = bankName is null ? _banks : Find(bankName) is { } named ? [named] : [];
        if (banks.Length == 0)
            return NotFound(_banks.Length == 0 ? (limits is null ? "No adapter is published yet." : "There is no task that the tenant may ask.") : $"There is no bank '{bankName}'. There are: {List(_banks.Select(bank => bank.Bank))}.");
        return version is null ? ResolveNew(banks, taskText, tenant, requestKey) : ResolveVersion(banks, taskText, version);
    }

    private static GridResult<Route> ResolveNew(BankRoutes[] banks, string taskText, TenantId tenant, string requestKey)
    {
        GridResult<Route>? found = FindNew(banks, taskText, byId: false, tenant, requestKey) ?? FindNew(banks, taskText, byId: true, tenant, requestKey);
        if (found is { } result)
            return result;
        if (banks is [{ Active: null, Problem: null } only])
            return NotFound($"No version of the bank '{only.Bank}' is active; {only.WhoAnswers()}");
        return NotFound($"There is no task '{taskText}'. There are: {List(banks.SelectMany(bank => bank.ActiveTasks.Values))}.");
    }

    private GridResult<Route> ResolveVersion(BankRoutes[] banks, string taskText, string version)
    {
        BankRoutes[] having = [.. banks.Where(bank => bank.Versions.ContainsKey(version))];
        if (having.Length == 0)
            return NotFound($"There is no version '{version}'. {string.Join(" ", banks.Select(bank => $"Of the bank '{bank.Bank}', {bank.WhoAnswers()}"))}");
        Route[] found = [.. having.Select(bank => bank.RouteTo(version, taskText)).OfType<Route>()];
        if (found.Length > 1)
            return Ambiguous(taskText, found.Select(route => route.Version.Key.Bank.ToString()));
        if (found.Length == 1)
            return GridResult<Route>.Success(found[0]);
        BankRoutes first = having[0];
        VersionRoute there = first.Versions[version];
        if (there.Problem is not null)
            return new GridError(GridErrorKind.NotReady, there.Problem);
        return there.Served is { } served
            ? NotFound($"{served.Key} has no task '{taskText}'. It has: {List(served.Manifest.Tasks.Where(task => limits is null || limits.Allows(first.Bank, task.Name.ToString())).Select(task => task.ToString()))}.")
            : NotFound($"{first.Bank}@{version} is {there.State.ToString().ToLowerInvariant()} and cannot answer; {first.WhoAnswers()}");
    }

    private static GridResult<Route>? FindNew(BankRoutes[] banks, string taskText, bool byId, TenantId tenant, string requestKey)
    {
        GridResult<Route>? found = null;
        var names = new List<string>();
        foreach (BankRoutes bank in banks)
        {
            if (bank.RouteNew(taskText, byId, tenant, requestKey) is not { } route)
                continue;
            found = route;
            names.Add(bank.Bank);
        }

        return names.Count > 1 ? Ambiguous(taskText, names) : found;
    }

    private static GridError Ambiguous(string taskText, IEnumerable<string> banks) => new(
        GridErrorKind.InvalidRequest, $"'{taskText}' is a task of several banks; name one: {List(banks.Select(bank => $"{bank}/{taskText}"))}.", "model");

    private static GridError NotFound(string message) => new(GridErrorKind.ModelNotFound, message, "model");

    private static string List(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return string.Join(", ", all.Take(MostListed)) + (all.Length > MostListed ? $" and {all.Length - MostListed} more" : "");
    }
}

/// <summary>A version as requests meet it.</summary>
/// <param name="State">Where it is in its life.</param>
/// <param name="Served">There when it can answer: it is verified, canary or active, and in memory.</param>
/// <param name="Problem">Why it is not in memory although it should be; else null.</param>
internal sealed record VersionRoute(RolloutState State, ServedVersion? Served, string? Problem = null);
