using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Hosting;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Health;

/// <summary>Whether the process lives, and whether it takes requests.</summary>
internal sealed class HealthEndpoints(GatewayParts parts, Drain drain)
{
    public Task LiveAsync(HttpContext context) =>
        Answer.WriteAsync(context, StatusCodes.Status200OK, new HealthReport("ok"), GatewayJson.Readable.HealthReport);

    public Task ReadyAsync(HttpContext context) => ReadyAsync(context, parts.Grid.Status);

    /// <summary>For whoever replaces one process after the other: the next one may go when this one answers without the help of others.</summary>
    public Task OwnReadyAsync(HttpContext context) => ReadyAsync(context, parts.OwnStatus?.Invoke() ?? parts.Grid.Status);

    private Task ReadyAsync(HttpContext context, GridStatus status)
    {
        if (drain.IsDraining)
            status = new GridStatus(GridPhase.Stopping, "The server is stopping.");
        return status.IsReady
            ? Answer.WriteAsync(context, StatusCodes.Status200OK, new HealthReport("ready"), GatewayJson.Readable.HealthReport)
            : Answer.WriteAsync(context, ApiError.From(new GridError(status.Phase == GridPhase.Stopping ? GridErrorKind.Stopping : GridErrorKind.NotReady, status.Detail)));
    }
}

/// <summary>The answer of a health check that passes.</summary>
/// <param name="Status"><c>ok</c> or <c>ready</c>.</param>
internal sealed record HealthReport(string Status);
