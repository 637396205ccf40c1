using System.Globalization;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Requests;

/// <summary>A task that a request names.</summary>
/// <param name="Bank">Its bank.</param>
/// <param name="Task">Its name, or its id where it has none, as the bank spells it.</param>
/// <param name="Version">The version that was named; null for whichever answers new requests.</param>
internal sealed record NamedTask(string Bank, string Task, string? Version)
{
    /// <summary>Whether silos report the task: the named version is only one of their bank's otherwise, and may have it.</summary>
    public bool IsReported { get; init; } = true;

    /// <summary>The task as any silo of the bank resolves it, whatever other banks it has.</summary>
    public ModelRef ToModel(string? version) => ModelRef.Parse(version is null ? $"{Bank}/{Task}" : $"{Bank}/{Task}@{version}");
}

/// <summary>Finds the bank and the task that a request names, by the rules of <see cref="ModelRef"/>, in what silos report. Pure.</summary>
internal static class ClusterNames
{
    private const int MostListed = 100;

    /// <summary>Every bank once, as the silo that is furthest with it reports it.</summary>
    public static IReadOnlyList<BankReport> Banks(IEnumerable<SiloReport> silos) =>
    [
        .. silos.SelectMany(silo => silo.Banks).GroupBy(bank => bank.Bank, StringComparer.Ordinal)
            .Select(reports => reports.OrderBy(report => report.Problem is not null).ThenByDescending(report => report.Revision).First())
            .OrderBy(bank => bank.Bank, StringComparer.Ordinal),
    ];

    /// <summary>What a tenant may ask of them. For names in errors: whether a request is allowed is decided by its limits, not by what it can find.</summary>
    public static IReadOnlyList<BankReport> VisibleTo(IEnumerable<BankReport> banks, TenantLimits limits) =>
    [
        .. banks.Select(bank => bank with { Tasks = bank.Tasks.Where(task => limits.Allows(bank.Bank, task.Value)).ToDictionary() })
            .Where(bank => bank.Tasks.Count > 0 || limits.Allows(bank.Bank, "*")),
    ];

    /// <summary>Finds a task.</summary>
    /// <param name="banks">All banks, or those that the tenant may see.</param>
    /// <param name="model">What the request names.</param>
    public static GridResult<NamedTask> Resolve(IReadOnlyList<BankReport> banks, ModelRef model)
    {
        if (Find(banks, model.Text, byId: false, null) is { } whole)
            return whole;
        (string? bankName, string taskText, string? version) = model.Split();
        BankReport[] named = [.. banks.Where(bank => bankName is null || bank.Bank == bankName)];
        if (named.Length == 0)
            return NotFound(banks.Count == 0 ? "No adapter is published yet, or none that the tenant may ask." : $"There is no bank '{bankName}'. There are: {List(banks.Select(bank => bank.Bank))}.");
        // Of several banks, the one that has the version.
        if (version is not null && named.Where(bank => bank.Loaded.Contains(version, StringComparer.Ordinal)).ToArray() is { Length: > 0 } having)
            named = having;
        if ((Find(named, taskText, byId: false, version) ?? Find(named, taskText, byId: true, version)) is { } found)
            return found;
        // Another version may have tasks that the active one has not; the silo that has it knows.
        if (version is not null && named is [{ } only])
        {
            return only.Loaded.Contains(version, StringComparer.Ordinal)
                ? GridResult<NamedTask>.Success(new NamedTask(only.Bank, taskText, version) { IsReported = false })
                : NotFound($"{only.Bank}@{version} cannot answer. {(only.Loaded.Length > 0 ? $"These can: {List(only.Loaded)}." : "No version of the bank can.")}");
        }

        return NotFound(named is [{ Active: null }]
            ? $"No version of the bank '{named[0].Bank}' is active; activate one."
            : $"There is no task '{taskText}'. There are: {List(named.SelectMany(bank => bank.Tasks.Values))}.");
    }

    private static GridResult<NamedTask>? Find(IReadOnlyList<BankReport> banks, string text, bool byId, string? version)
    {
        NamedTask[] found =
        [
            .. banks.SelectMany(bank => bank.Tasks
                .Where(task => byId ? task.Key.ToString(CultureInfo.InvariantCulture) == text : task.Value == text)
                .Select(task => new NamedTask(bank.Bank, task.Value, version))),
        ];
        if (found.Length == 0)
            return null;
        return found.Length == 1
            ? GridResult<NamedTask>.Success(found[0])
            : new GridError(GridErrorKind.InvalidRequest, $"'{text}' is a task of several banks; name one: {List(found.Select(task => $"{task.Bank}/{text}"))}.", "model");
    }

    private static GridError NotFound(string message) => new(GridErrorKind.ModelNotFound, message, "model");

    private static string List(IEnumerable<string> names)
    {
        string[] all = [.. names];
        return string.Join(", ", all.Take(MostListed)) + (all.Length > MostListed ? $" and {all.Length - MostListed} more" : "");
    }
}
