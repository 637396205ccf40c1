using System.Net;
using System.Net.Sockets;
using System.Text;
using MoeLora.Contracts;
using MoeLora.Gateway.Tests;
using MoeLora.Gateway.Tests.Fakes;

namespace MoeLora.Client.Tests;

public sealed class FailureTests
{
    private static readonly GenerationRequest Request = new() { Model = ModelRef.Parse("3"), Prompt = new TextPrompt("p") };

    public static TheoryData<GridErrorKind> Kinds() => new(Enum.GetValues<GridErrorKind>());

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Refusal_OfEachKind_ComesBackAsItself(GridErrorKind kind)
    {
        var refusal = new GridError(kind, "The reason.", kind == GridErrorKind.InvalidRequest ? "prompt" : null, TimeSpan.FromSeconds(7));
        await using GatewayConnection connection = await GatewayConnection.StartAsync(new FakeGrid { Refusal = refusal });

        Assert.False((await connection.Client.GenerateAsync(Request)).TryGet(out _, out GridError? error));

        Assert.Equal((kind, "The reason."), (error.Kind, error.Message));
        Assert.Equal(kind switch { GridErrorKind.ModelNotFound => "model", GridErrorKind.InvalidRequest => "prompt", _ => null }, error.Param);
        if (kind is GridErrorKind.RateLimited or GridErrorKind.QueueFull or GridErrorKind.NotReady or GridErrorKind.Unavailable or GridErrorKind.Stopping)
            Assert.Equal(TimeSpan.FromSeconds(7), error.RetryAfter);
    }

    [Fact]
    public async Task Answer_ThatFailsLater_EndsWithItsError()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("half", []), new GenerationFailed(new GridError(GridErrorKind.Stopping, "The server is stopping.")));
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);

        List<GenerationEvent> events = await GenerateTests.EventsAsync(connection, Request);

        Assert.Equal("half", Assert.IsType<TokenChunk>(events[0]).Text);
        Assert.Equal((GridErrorKind.Stopping, "The server is stopping."), (Assert.IsType<GenerationFailed>(events[1]).Error.Kind, ((GenerationFailed)events[1]).Error.Message));
    }

    [Theory]
    [InlineData("data: {\"choices\":[{\"index\":0,\"text\":\"half\",\"finish_reason\":null}]}\n\n", GridErrorKind.Unavailable)]
    [InlineData("data: {\"choices\":[{\"index\":0,\"text\":\"half\",\"finish_reason\":null}]}\n\ndata: [DONE]\n\n", GridErrorKind.Internal)]
    [InlineData(": comment\nevent: x\ndata: {\"choices\":[{\"index\":0,\ndata:\"text\":\"half\",\"finish_reason\":null}]}\r\n\r\ndata: {\"choi", GridErrorKind.Unavailable)]
    [InlineData("data: {\"choices\":[{\"index\":0,\"text\":\"half\",\"finish_reason\":\"magic\"}]}\n\n", GridErrorKind.Internal)]
    [InlineData("<html>", GridErrorKind.Unavailable)]
    public async Task Stream_ThatDoesNotEndAsItShould_IsAFailure(string body, GridErrorKind kind)
    {
        await using var server = new RawServer($"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n{body}");
        using var http = new HttpClient();
        var client = new MoeLoraClient(http, new MoeLoraClientOptions { Address = server.Address });

        Assert.True((await client.GenerateAsync(Request)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out _));
        GenerationEvent? last = null;
        await foreach (GenerationEvent item in events)
            last = item;

        Assert.Equal(kind, Assert.IsType<GenerationFailed>(last).Error.Kind);
    }

    [Theory]
    [InlineData("502 Bad Gateway", "<html>", GridErrorKind.Unavailable)]
    [InlineData("429 Slow Down", "", GridErrorKind.RateLimited)]
    [InlineData("404 Not Found", "{}", GridErrorKind.InvalidRequest)]
    public async Task Failure_OfSomethingBetween_IsItsStatus(string status, string body, GridErrorKind kind)
    {
        await using var server = new RawServer($"HTTP/1.1 {status}\r\nRetry-After: 9\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}");
        using var http = new HttpClient();
        var client = new MoeLoraClient(http, new MoeLoraClientOptions { Address = server.Address });

        Assert.False((await client.GenerateAsync(Request)).TryGet(out _, out GridError? error));

        Assert.Equal((kind, TimeSpan.FromSeconds(9)), (error.Kind, error.RetryAfter));
    }

    [Fact]
    public async Task Gateway_ThatIsNotThere_IsUnavailable()
    {
        Uri address;
        await using (var server = new RawServer(""))
            address = server.Address;
        using var http = new HttpClient { BaseAddress = address };
        var client = new MoeLoraClient(http);

        Assert.False((await client.ListModelsAsync()).TryGet(out _, out GridError? error));

        Assert.Equal(GridErrorKind.Unavailable, error.Kind);
        Assert.False(client.Status.IsReady);
    }

    [Fact]
    public async Task Status_IsWhatTheGatewayTold()
    {
        var grid = new FakeGrid { Status = new GridStatus(GridPhase.Loading, "Loading qwen.") };
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);

        GridStatus loading = await connection.Client.RefreshStatusAsync();
        grid.Status = new GridStatus(GridPhase.Ready, "Ready.");
        GridStatus ready = await connection.Client.RefreshStatusAsync();

        Assert.Equal(new GridStatus(GridPhase.Loading, "Loading qwen."), loading);
        Assert.True(ready.IsReady);
    }

    [Fact]
    public async Task Key_ThatIsWrong_IsUnauthenticated()
    {
        await using GatewayConnection connection = await GatewayConnection.StartAsync(new FakeGrid(), new FakeDirectory(), "wrong");

        Assert.False((await connection.Client.GenerateAsync(Request)).TryGet(out _, out GridError? error));

        Assert.Equal(GridErrorKind.Unauthenticated, error.Kind);
    }

    [Fact]
    public void Address_ThatIsMissing_IsSaid()
    {
        using var http = new HttpClient();

        Assert.Throws<ArgumentException>(() => new MoeLoraClient(http));
    }

    /// <summary>Answers one connection with fixed bytes and closes it.</summary>
    private sealed class RawServer : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly Task _serving;

        public RawServer(string answer)
        {
            _listener.Start();
            Address = new Uri($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");
            _serving = ServeAsync(answer);
        }

        public Uri Address { get; }

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _serving;
        }

        private async Task ServeAsync(string answer)
        {
            try
            {
                using TcpClient client = await _listener.AcceptTcpClientAsync();
                await using NetworkStream stream = client.GetStream();
                var request = new StringBuilder();
                byte[] buffer = new byte[4096];
                while (!request.ToString().Contains('}') && await stream.ReadAsync(buffer) is > 0 and int read)
                    request.Append(Encoding.ASCII.GetString(buffer, 0, read));
                await stream.WriteAsync(Encoding.UTF8.GetBytes(answer));
                client.Client.Shutdown(SocketShutdown.Send);
                while (await stream.ReadAsync(buffer) > 0)
                {
                    // until the client has closed its side: closing first with unread bytes would break the connection
                }
            }
            catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException)
            {
                // Stopped before anybody came, or left by the client.
            }
        }
    }
}
