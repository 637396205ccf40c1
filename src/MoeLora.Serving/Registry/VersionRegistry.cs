using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.State;

namespace MoeLora.Serving.Registry;

/// <summary>
/// The banks and versions in the database. A change of a bank, its alias and its log lines are one transaction; it succeeds only when nobody
/// changed the bank since it was read.
/// </summary>
internal class VersionRegistry(StateDatabase database)
{
    private readonly DbContextOptions<RegistryContext> _options = database.Options<RegistryContext>(RegistryContext.HistoryTable);

    public async Task MigrateAsync(CancellationToken cancellation)
    {
        await using var context = new RegistryContext(_options);
        await database.MigrateAsync(context, cancellation);
    }

    /// <summary>All banks, by name.</summary>
    public async Task<IReadOnlyList<BankRecord>> ReadAsync(CancellationToken cancellation)
    {
        await using var context = new RegistryContext(_options);
        // One transaction: the alias and the versions of one moment.
        await using var moment = await context.Database.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellation);
        BankRow[] banks = await context.Banks.AsNoTracking().ToArrayAsync(cancellation);
        VersionRow[] versions = await context.Versions.AsNoTracking().ToArrayAsync(cancellation);
        ILookup<string, VersionRow> byBank = versions.ToLookup(row => row.Bank);
        return [.. banks.Select(bank => Read(bank, byBank[bank.Name])).OrderBy(bank => bank.Name.ToString(), StringComparer.Ordinal)];
    }

    /// <summary>One bank; an empty one when there is none of this name.</summary>
    public virtual async Task<BankRecord> ReadAsync(AdapterName name, CancellationToken cancellation)
    {
        string text = name.ToString();
        await using var context = new RegistryContext(_options);
        await using var moment = await context.Database.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, cancellation);
        BankRow? bank = await context.Banks.AsNoTracking().SingleOrDefaultAsync(row => row.Name == text, cancellation);
        VersionRow[] versions = await context.Versions.AsNoTracking().Where(row => row.Bank == text).ToArrayAsync(cancellation);
        return bank is null ? BankRecord.Empty(name) : Read(bank, versions);
    }

    /// <summary>Writes a change, all of it or nothing. It is not cancelled half-way: nobody would know what came of it.</summary>
    /// <exception cref="DbUpdateException">Somebody else changed the bank since it was read (<see cref="StateDatabase.IsConflict"/>).</exception>
    /// <exception cref="Exception">The database failed (<see cref="StateDatabase.IsOutage"/>): perhaps after it had committed.</exception>
    public virtual async Task CommitAsync(BankChange change)
    {
        BankRecord before = change.Before;
        BankRecord after = change.After;
        await using var context = new RegistryContext(_options);
        Write(context, Row(after), before.Revision);
        foreach (VersionRecord version in after.Versions.Values)
        {
            long? old = before.Versions.GetValueOrDefault(version.Version)?.Revision;
            if (old != version.Revision)
                Write(context, Row(version), old ?? 0);
        }

        foreach ((int i, RolloutChange line) in change.Log.Index())
        {
            context.Changes.Add(new ChangeRow
            {
                Bank = line.Bank,
                Number = before.Revision + 1 + i,
                Version = line.Version,
                From = line.From,
                To = line.To,
                At = line.At,
                By = line.By,
                Reason = line.Reason,
            });
        }

        await context.SaveChangesAsync(CancellationToken.None);
    }

    /// <summary>The last changes of a bank, newest first.</summary>
    public async Task<IReadOnlyList<RolloutChange>> HistoryAsync(AdapterName bank, int limit, CancellationToken cancellation)
    {
        string text = bank.ToString();
        await using var context = new RegistryContext(_options);
        ChangeRow[] rows = await context.Changes.AsNoTracking().Where(row => row.Bank == text).OrderByDescending(row => row.Number).Take(limit).ToArrayAsync(cancellation);
        return [.. rows.Select(row => new RolloutChange(row.Bank, row.Version, row.From, row.To, row.At, row.By, row.Reason))];
    }

    // A row that was never written has revision 0; any other is updated only where the revision still is the one that was read.
    private static void Write(RegistryContext context, object row, long oldRevision)
    {
        if (oldRevision == 0)
        {
            context.Add(row);
            return;
        }

        context.Update(row).Property("Revision").OriginalValue = oldRevision;
    }

    private static BankRow Row(BankRecord bank) => new()
    {
        Name = bank.Name.ToString(),
        Active = bank.Active?.ToString(),
        Previous = bank.Previous?.ToString(),
        Revision = bank.Revision,
    };

    private static VersionRow Row(VersionRecord version) => new()
    {
        Bank = version.Bank.ToString(),
        Version = version.Version.ToString(),
        BundleHash = version.BundleHash.ToString(),
        BaseModelHash = version.BaseModelHash,
        Tasks = JsonSerializer.Serialize(version.Tasks),
        State = version.State,
        CanaryShare = version.Canary?.Share,
        CanaryTenants = version.Canary is { } rule ? string.Join(',', rule.Tenants) : null,
        ShadowShare = version.ShadowShare,
        Problem = version.Problem,
        Published = version.Published,
        Since = version.Since,
        Revision = version.Revision,
    };

    private static BankRecord Read(BankRow bank, IEnumerable<VersionRow> versions) => new(
        new AdapterName(bank.Name),
        bank.Active is null ? null : new AdapterVersion(bank.Active),
        bank.Previous is null ? null : new AdapterVersion(bank.Previous),
        bank.Revision,
        versions.Select(Read).ToImmutableDictionary(version => version.Version));

    private static VersionRecord Read(VersionRow row) => new()
    {
        Bank = new AdapterName(row.Bank),
        Version = new AdapterVersion(row.Version),
        BundleHash = BundleHash.Parse(row.BundleHash),
        BaseModelHash = row.BaseModelHash,
        Tasks = JsonSerializer.Deserialize<ImmutableSortedDictionary<int, string>>(row.Tasks)!,
        State = row.State,
        Canary = row.CanaryShare is { } share
            ? new CanaryRule(share, [.. (row.CanaryTenants ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries).Select(TenantId.Parse)])
            : null,
        ShadowShare = row.ShadowShare,
        Problem = row.Problem,
        Published = row.Published,
        Since = row.Since,
        Revision = row.Revision,
    };
}
