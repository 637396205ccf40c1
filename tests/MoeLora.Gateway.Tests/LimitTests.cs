using System.Net;
using System.Net.Sockets;
using System.Text;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Hosting;
using MoeLora.Gateway.Tests.Fakes;

namespace MoeLora.Gateway.Tests;

public sealed class LimitTests
{
    [Fact]
    public async Task Headers_LargerThanAllowed_AreRefused()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid(), options => options.MaxHeaderBytes = 2048);
        host.Client.DefaultRequestHeaders.Add("X-Large", new string('a', 4096));

        HttpResponseMessage response = await host.Client.GetAsync("/healthz");

        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, response.StatusCode);
    }

    [Fact]
    public async Task Headers_ThatDoNotCome_EndTheConnection()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid(), options => options.HeaderTimeout = TimeSpan.FromMilliseconds(100));

        string answer = await TalkAsync(host, "GET /healthz HTTP/1.1\r\nHost: loc");

        Assert.StartsWith("HTTP/1.1 408 ", answer);
    }

    [Fact]
    public async Task Body_ThatDoesNotCome_IsRefusedAndEndsTheConnection()
    {
        var time = new ManualTime();
        await using GatewayHost host = await GatewayHost.StartAsync(new GatewayParts { Grid = new FakeGrid(), Time = time });
        int timers = time.Waiting;

        Task<string> talk = TalkAsync(host, "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"mod");
        while (time.Waiting == timers)
            await Task.Yield();
        time.Advance(TimeSpan.FromSeconds(31));

        string answer = await talk;
        Assert.StartsWith("HTTP/1.1 408 ", answer);
        Assert.Contains("request_timeout", answer);
        Assert.Contains("Connection: close", answer);
    }

    [Fact]
    public async Task IdleConnection_IsClosed()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid(), options => options.IdleTimeout = TimeSpan.FromMilliseconds(100));

        string answer = await TalkAsync(host, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");

        Assert.EndsWith("""{"status":"ok"}""", answer);
    }

    [Fact]
    public async Task Options_ThatAreWrong_AreAllReported()
    {
        var options = new GatewayOptions
        {
            MaxConnections = 0,
            BodyTimeout = TimeSpan.Zero,
            OtlpEndpoint = new Uri("ftp://collector"),
            Public = new ListenerOptions { Urls = ["https://127.0.0.1:0", "127.0.0.1"] },
            Administration = new ListenerOptions { Urls = [] },
            Oidc = new OidcOptions { Issuer = "http://insecure", Audience = "" },
        };
        var parts = new GatewayParts { Grid = new FakeGrid() };

        IReadOnlyList<string> problems = options.FindProblems(parts);

        Assert.Equal(8, problems.Count);
        ArgumentException exception = await Assert.ThrowsAsync<ArgumentException>(() => GatewayServer.StartAsync(parts, options));
        Assert.All(problems, problem => Assert.Contains(problem, exception.Message));
    }

    [Fact]
    public void Administration_OnThePublicAddress_IsAProblem()
    {
        var options = new GatewayOptions
        {
            AllowAnonymous = true,
            Public = new ListenerOptions { Urls = ["http://127.0.0.1:8080"] },
            Administration = new ListenerOptions { Urls = ["http://127.0.0.1:8080"] },
        };

        Assert.Single(options.FindProblems(new GatewayParts { Grid = new FakeGrid() }));
    }

    /// <summary>Sends, and reads until the server closes the connection.</summary>
    private static async Task<string> TalkAsync(GatewayHost host, string request)
    {
        using var connection = new TcpClient();
        await connection.ConnectAsync(IPAddress.Loopback, host.Client.BaseAddress!.Port);
        await using NetworkStream stream = connection.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(request));
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(5));
    }
}
