using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using MoeLora.Serving.State;

namespace MoeLora.Grid.Hosting.Storage;

/// <summary>Who is part of a cluster, in a database. Every change also changes the version of the whole, in one transaction and only as it was read.</summary>
internal sealed class DatabaseMembership(ClusterDatabase database, string cluster) : IMembershipTable
{
    public async Task InitializeMembershipTable(bool tryInitTableVersion)
    {
        await using ClusterContext context = await database.OpenAsync();
        if (!tryInitTableVersion || await context.Clusters.AnyAsync(row => row.Cluster == cluster))
            return;
        context.Clusters.Add(new ClusterRow { Cluster = cluster, Version = 0, ETag = DatabaseGrainStorage.NewETag() });
        try
        {
            await context.SaveChangesAsync();
        }
        catch (DbUpdateException e) when (StateDatabase.IsConflict(e))
        {
            // Another silo was faster.
        }
    }

    public async Task DeleteMembershipTableEntries(string clusterId)
    {
        await using ClusterContext context = await database.OpenAsync();
        await using IDbContextTransaction transaction = await context.Database.BeginTransactionAsync();
        await context.Members.Where(row => row.Cluster == clusterId).ExecuteDeleteAsync();
        await context.Clusters.Where(row => row.Cluster == clusterId).ExecuteDeleteAsync();
        await transaction.CommitAsync();
    }

    public async Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate)
    {
        await using ClusterContext context = await database.OpenAsync();
        await context.Members.Where(row => row.Cluster == cluster && row.Status != SiloStatus.Active && row.Alive < beforeDate).ExecuteDeleteAsync();
    }

    public Task<MembershipTableData> ReadRow(SiloAddress key) => ReadAsync(key.ToParsableString());

    public Task<MembershipTableData> ReadAll() => ReadAsync(null);

    public async Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion)
    {
        await using ClusterContext context = await database.OpenAsync();
        await using IDbContextTransaction transaction = await context.Database.BeginTransactionAsync();
        if (!await TryAdvanceAsync(context, tableVersion))
            return false;
        context.Members.Add(Row(entry));
        try
        {
            await context.SaveChangesAsync();
        }
        catch (DbUpdateException e) when (StateDatabase.IsConflict(e))
        {
            return false;
        }

        await transaction.CommitAsync();
        return true;
    }

    public async Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion)
    {
        await using ClusterContext context = await database.OpenAsync();
        await using IDbContextTransaction transaction = await context.Database.BeginTransactionAsync();
        if (!await TryAdvanceAsync(context, tableVersion))
            return false;
        MemberRow next = Row(entry);
        int changed = await context.Members.Where(row => row.Cluster == cluster && row.Silo == next.Silo && row.ETag == etag)
            .ExecuteUpdateAsync(row => row
                .SetProperty(each => each.ETag, next.ETag)
                .SetProperty(each => each.Status, next.Status)
                .SetProperty(each => each.Name, next.Name)
                .SetProperty(each => each.Host, next.Host)
                .SetProperty(each => each.GatewayPort, next.GatewayPort)
                .SetProperty(each => each.Started, next.Started)
                .SetProperty(each => each.Alive, next.Alive)
                .SetProperty(each => each.Suspicions, next.Suspicions));
        if (changed == 0)
            return false;
        await transaction.CommitAsync();
        return true;
    }

    public async Task UpdateIAmAlive(MembershipEntry entry)
    {
        string silo = entry.SiloAddress.ToParsableString();
        DateTimeOffset alive = Time(entry.IAmAliveTime);
        await using ClusterContext context = await database.OpenAsync();
        await context.Members.Where(row => row.Cluster == cluster && row.Silo == silo).ExecuteUpdateAsync(row => row.SetProperty(each => each.Alive, alive));
    }

    /// <summary>The version and its members in one statement: they are of one moment.</summary>
    private async Task<MembershipTableData> ReadAsync(string? silo)
    {
        await using ClusterContext context = await database.OpenAsync();
        var rows = await (
            from version in context.Clusters.AsNoTracking()
            where version.Cluster == cluster
            join member in context.Members.AsNoTracking().Where(row => silo == null || row.Silo == silo) on version.Cluster equals member.Cluster into members
            from member in members.DefaultIfEmpty()
            select new { version, member }).ToListAsync();
        if (rows.Count == 0)
            return new MembershipTableData([], new TableVersion(0, ""));
        return new MembershipTableData(
            [.. rows.Where(row => row.member is not null).Select(row => Tuple.Create(Entry(row.member!), row.member!.ETag))],
            new TableVersion(rows[0].version.Version, rows[0].version.ETag));
    }

    private async Task<bool> TryAdvanceAsync(ClusterContext context, TableVersion version)
    {
        string next = DatabaseGrainStorage.NewETag();
        return await context.Clusters.Where(row => row.Cluster == cluster && row.ETag == version.VersionEtag)
            .ExecuteUpdateAsync(row => row.SetProperty(each => each.Version, version.Version).SetProperty(each => each.ETag, next)) == 1;
    }

    private MemberRow Row(MembershipEntry entry) => new()
    {
        Cluster = cluster,
        Silo = entry.SiloAddress.ToParsableString(),
        ETag = DatabaseGrainStorage.NewETag(),
        Status = entry.Status,
        Name = entry.SiloName ?? "",
        Host = entry.HostName ?? "",
        GatewayPort = entry.ProxyPort,
        Started = Time(entry.StartTime),
        Alive = Time(entry.IAmAliveTime),
        Suspicions = string.Join(';', (entry.SuspectTimes ?? []).Select(vote => string.Create(CultureInfo.InvariantCulture, $"{vote.Item1.ToParsableString()} {Time(vote.Item2):O}"))),
    };

    private static MembershipEntry Entry(MemberRow row) => new()
    {
        SiloAddress = SiloAddress.FromParsableString(row.Silo),
        Status = row.Status,
        SiloName = row.Name,
        HostName = row.Host,
        ProxyPort = row.GatewayPort,
        StartTime = row.Started.UtcDateTime,
        IAmAliveTime = row.Alive.UtcDateTime,
        SuspectTimes =
        [
            .. row.Suspicions.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(vote => vote.Split(' '))
                .Select(vote => Tuple.Create(SiloAddress.FromParsableString(vote[0]), DateTimeOffset.Parse(vote[1], CultureInfo.InvariantCulture).UtcDateTime)),
        ],
    };

    private static DateTimeOffset Time(DateTime time) => new(DateTime.SpecifyKind(time, DateTimeKind.Utc));
}
