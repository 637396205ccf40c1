using System.Net;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Tests;

public sealed class HealthTests
{
    [Theory]
    [InlineData(GridPhase.Loading)]
    [InlineData(GridPhase.Ready)]
    [InlineData(GridPhase.Stopping)]
    public async Task Healthz_InEachPhase_IsFine(GridPhase phase)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid { Status = new GridStatus(phase, "detail") });

        HttpResponseMessage response = await host.Client.GetAsync("/healthz");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("""{"status":"ok"}""", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Readyz_WhileLoading_SaysWhat()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid { Status = new GridStatus(GridPhase.Loading, "Loading qwen.") });

        HttpResponseMessage response = await host.Client.GetAsync("/readyz");

        Assert.Equal("Loading qwen.", await ErrorAssert.IsAsync(response, HttpStatusCode.ServiceUnavailable, "not_ready", type: "server_error"));
        Assert.NotNull(response.Headers.RetryAfter);
    }

    [Fact]
    public async Task Readyz_AfterLoading_IsFine()
    {
        var grid = new FakeGrid { Status = new GridStatus(GridPhase.Loading, "Loading qwen.") };
        await using GatewayHost host = await GatewayHost.StartAsync(grid);
        await host.Client.GetAsync("/readyz");

        grid.Status = new GridStatus(GridPhase.Ready, "Ready.");

        HttpResponseMessage response = await host.Client.GetAsync("/readyz");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("""{"status":"ready"}""", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Readyz_WhileStopping_IsNot()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid { Status = new GridStatus(GridPhase.Stopping, "Stopping.") });

        await ErrorAssert.IsAsync(await host.Client.GetAsync("/readyz"), HttpStatusCode.ServiceUnavailable, "stopping", type: "server_error");
    }

    [Fact]
    public async Task Readyz_OwnWhileOthersAnswer_IsNotBeforeThisProcessIs()
    {
        var own = new GridStatus(GridPhase.Loading, "Loading qwen.");
        await using GatewayHost host = await GatewayHost.StartAsync(new GatewayParts { Grid = new FakeGrid { Status = new GridStatus(GridPhase.Ready, "2 silos.") }, OwnStatus = () => own });

        Assert.Equal(HttpStatusCode.OK, (await host.Client.GetAsync("/readyz")).StatusCode);
        Assert.Equal("Loading qwen.", await ErrorAssert.IsAsync(await host.Client.GetAsync("/readyz/own"), HttpStatusCode.ServiceUnavailable, "not_ready", type: "server_error"));
        own = new GridStatus(GridPhase.Ready, "Ready.");
        Assert.Equal(HttpStatusCode.OK, (await host.Client.GetAsync("/readyz/own")).StatusCode);
    }

    [Theory]
    [InlineData("/healthz", GridPhase.Ready, HttpStatusCode.OK)]
    [InlineData("/healthz", GridPhase.Loading, HttpStatusCode.OK)]
    [InlineData("/readyz", GridPhase.Ready, HttpStatusCode.OK)]
    [InlineData("/readyz", GridPhase.Loading, HttpStatusCode.ServiceUnavailable)]
    [InlineData("/readyz/own", GridPhase.Loading, HttpStatusCode.ServiceUnavailable)]
    [InlineData("/v1/models", GridPhase.Ready, HttpStatusCode.OK)]
    [InlineData("/v1/models/1/2", GridPhase.Ready, HttpStatusCode.NotFound)]
    public async Task Head_HasTheStatusAndLengthOfGetAndNoBody(string path, GridPhase phase, HttpStatusCode status)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid { Status = new GridStatus(phase, "detail") });
        HttpResponseMessage get = await host.Client.GetAsync(path);

        HttpResponseMessage head = await host.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));

        Assert.Equal((status, status), (get.StatusCode, head.StatusCode));
        Assert.Equal(get.Content.Headers.ContentLength, head.Content.Headers.ContentLength);
        Assert.Empty(await head.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Answers_DoNotNameTheServer()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        HttpResponseMessage response = await host.Client.GetAsync("/healthz");

        Assert.False(response.Headers.Contains("Server"));
        Assert.Equal(["nosniff"], response.Headers.GetValues("X-Content-Type-Options"));
    }
}
