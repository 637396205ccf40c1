using System.Text;
using Microsoft.AspNetCore.Http;
using MoeLora.Gateway.Metrics;

namespace MoeLora.Gateway.Administration;

/// <summary><c>GET /metrics</c>.</summary>
internal sealed class MetricsEndpoint(SeriesCollector series)
{
    public Task ReadAsync(HttpContext context)
    {
        bool openMetrics = context.Request.Headers.Accept.Any(value => value?.Contains("application/openmetrics-text", StringComparison.OrdinalIgnoreCase) == true);
        byte[] body = Encoding.UTF8.GetBytes(series.Read(families => PrometheusText.Write(families, openMetrics)));
        context.Response.ContentType = openMetrics ? PrometheusText.OpenMetricsContentType : PrometheusText.ContentType;
        context.Response.ContentLength = body.Length;
        return context.Response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}
