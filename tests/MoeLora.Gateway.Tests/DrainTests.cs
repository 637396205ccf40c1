using System.Net;
using MoeLora.Contracts;
using MoeLora.Gateway.Tests.Fakes;

namespace MoeLora.Gateway.Tests;

public sealed class DrainTests
{
    private const string Streamed = """{"model":"3","prompt":"p","stream":true}""";

    private readonly ManualTime _time = new();

    [Fact]
    public async Task Stop_LetsARunningAnswerFinishAndRefusesNewOnes()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("first", [1]));
        await using GatewayHost host = await GatewayHost.StartAsync(new GatewayParts { Grid = grid, Time = _time });
        using HttpResponseMessage running = await host.PostStreamAsync(Streamed);

        Task stopping = host.Server.StopAsync();
        HttpResponseMessage refused = await host.PostAsync(Streamed);
        HttpResponseMessage ready = await host.Client.GetAsync("/readyz");
        HttpResponseMessage alive = await host.Client.GetAsync("/healthz");

        await ErrorAssert.IsAsync(refused, HttpStatusCode.ServiceUnavailable, "stopping", type: "server_error");
        Assert.NotNull(refused.Headers.RetryAfter);
        Assert.True(refused.Headers.ConnectionClose);
        await ErrorAssert.IsAsync(ready, HttpStatusCode.ServiceUnavailable, "stopping", type: "server_error");
        Assert.Equal(HttpStatusCode.OK, alive.StatusCode);
        Assert.False(stopping.IsCompleted);

        grid.Answers(FakeGrid.Finished());
        Assert.EndsWith("data: [DONE]\n\n", await running.Content.ReadAsStringAsync());
        await stopping.WaitAsync(TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Stop_AfterTheDeadline_EndsAnAnswerWithAnError()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("first", [1]));
        await using GatewayHost host = await GatewayHost.StartAsync(new GatewayParts { Grid = grid, Time = _time }, options => options.DrainDeadline = TimeSpan.FromSeconds(30));
        using HttpResponseMessage running = await host.PostStreamAsync(Streamed);

        Task stopping = host.Server.StopAsync();
        _time.Advance(TimeSpan.FromSeconds(31));
        string body = await running.Content.ReadAsStringAsync();

        Assert.Contains("\"code\":\"stopping\"", body);
        Assert.DoesNotContain("[DONE]", body);
        await grid.LeftEarly.WaitAsync(TimeSpan.FromMinutes(5));
        await stopping.WaitAsync(TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Stop_WhenForced_EndsAnAnswerBeforeItsFirstToken()
    {
        var grid = new FakeGrid();
        await using GatewayHost host = await GatewayHost.StartAsync(grid);
        Task<HttpResponseMessage> running = host.PostAsync(Streamed);
        while (grid.LastRequest is null)
            await Task.Yield();

        Task stopping = host.Server.StopAsync(new CancellationToken(canceled: true));

        await ErrorAssert.IsAsync(await running, HttpStatusCode.ServiceUnavailable, "stopping", type: "server_error");
        await stopping.WaitAsync(TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Stop_OfAnIdleGateway_IsDoneAtOnce()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(new Everything().Parts);

        await host.Server.StopAsync().WaitAsync(TimeSpan.FromMinutes(5));

        await Assert.ThrowsAsync<HttpRequestException>(() => host.Client.GetAsync("/healthz"));
        await Assert.ThrowsAsync<HttpRequestException>(() => host.Admin.GetAsync("/healthz"));
    }
}
