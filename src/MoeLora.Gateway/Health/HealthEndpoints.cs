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

    public Task ReadyAsync(HttpContext context)
    {
        GridStatus status = drain.IsDraining ? new GridStatus(GridPhase.Stopping, "The server is stopping.") : parts.Grid.Status;
        return status.IsReady
            ? Answer.WriteAsync(context, StatusCodes.Status200OK, new HealthReport("ready"), GatewayJson.Readable.HealthReport)
            : Answer.WriteAsync(context, ApiError.From(new GridError(status.Phase == GridPhase.Stopping ? GridErrorKind.Stopping : GridErrorKind.NotReady, status.Detail)));
    }
}

/// <summary>The answer of a health check that passes.</summary>
internal sealed record HealthReport(string Status);
