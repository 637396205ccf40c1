using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Tests;

public sealed class OtlpTests
{
    [Fact]
    public async Task Endpoint_GetsSpansAndMetricsWithoutTexts()
    {
        var received = new ConcurrentDictionary<string, byte[]>();
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using WebApplication collector = builder.Build();
        collector.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            received[context.Request.Path] = body.ToArray();
        });
        await collector.StartAsync();
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("zebra-4711", [1]), FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid, options => options.OtlpEndpoint = new Uri(collector.Urls.Single()));

        await host.PostAsync("""{"model":"3","prompt":"zebra-4711"}""");
        await host.DisposeAsync(); // sends what is left

        Assert.Equal(["/v1/metrics", "/v1/traces"], received.Keys.Order());
        string traces = Encoding.Latin1.GetString(received["/v1/traces"]), metrics = Encoding.Latin1.GetString(received["/v1/metrics"]);
        Assert.Contains("completion_tokens", traces);
        Assert.Contains(Telemetry.TimeToFirstToken, metrics);
        Assert.DoesNotContain("zebra-4711", traces + metrics);
    }
}
