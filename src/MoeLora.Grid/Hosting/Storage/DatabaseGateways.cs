using System.Net;
using Microsoft.EntityFrameworkCore;
using Orleans.Messaging;

namespace MoeLora.Grid.Hosting.Storage;

/// <summary>Where a client reaches a cluster whose members are in a database.</summary>
internal sealed class DatabaseGateways(ClusterDatabase database, string cluster, TimeSpan maxStaleness) : IGatewayListProvider
{
    public TimeSpan MaxStaleness => maxStaleness;

    [Obsolete("Part of the interface; Orleans asks it no more.")]
    public bool IsUpdatable => true;

    public Task InitializeGatewayListProvider() => Task.CompletedTask;

    public async Task<IList<Uri>> GetGateways()
    {
        await using ClusterContext context = await database.OpenAsync();
        var members = await context.Members.AsNoTracking()
            .Where(row => row.Cluster == cluster && row.Status == SiloStatus.Active && row.GatewayPort > 0)
            .Select(row => new { row.Silo, row.GatewayPort }).ToListAsync();
        return [.. members.Select(row => Gateway(SiloAddress.FromParsableString(row.Silo), row.GatewayPort))];
    }

    private static Uri Gateway(SiloAddress silo, int port) => SiloAddress.New(new IPEndPoint(silo.Endpoint.Address, port), silo.Generation).ToGatewayUri();
}
