using Microsoft.AspNetCore.Http;

namespace MoeLora.Gateway.Administration;

/// <summary>The state of the grid for people and dashboards.</summary>
internal sealed class OverviewEndpoints(GatewayParts parts)
{
    public async Task DescribeAsync(HttpContext context) =>
        await Reply.WriteAsync(context, await parts.Overview!.DescribeAsync(context.RequestAborted), AdministrationJson.Readable.GridOverview);

    public async Task ListSilosAsync(HttpContext context) =>
        await Reply.WriteListAsync(context, await parts.Silos!.ListSilosAsync(context.RequestAborted), AdministrationJson.Readable.SiloList);
}
