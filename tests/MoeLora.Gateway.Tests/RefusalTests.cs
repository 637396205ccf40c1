using System.Net;
using System.Net.Sockets;
using System.Text;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Tests;

public sealed class RefusalTests
{
    private const string Good = """{"model":"3","prompt":"p"}""";

    [Theory]
    [InlineData("", 1, 1)]
    [InlineData("""{"model":"3",""" + "\n" + """ "prompt" "p"}""", 2, 11)]
    [InlineData("""{"model":"3","prompt":"p"} x""", 1, 28)]
    [InlineData("""{"model":"3","prompt":"p",}""", 1, 27)]
    [InlineData("""{"model":"3","max_tokens":NaN}""", 1, 27)]
    [InlineData("""{"model":"3" /* why */}""", 1, 14)]
    [InlineData("""{"model":"3","prompt":"\x"}""", 1, 25)]
    public async Task Body_OfBrokenJson_IsRefusedWithItsPosition(string body, int line, int position)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        HttpResponseMessage response = await host.PostAsync(body);

        string message = await ErrorAssert.IsAsync(response, HttpStatusCode.BadRequest, "invalid_json");
        Assert.Equal($"The request body is not valid JSON: see line {line}, byte {position}.", message);
    }

    [Fact]
    public async Task Body_NestedWithoutEnd_IsRefused()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        HttpResponseMessage response = await host.PostAsync("""{"prompt":""" + new string('[', 100_000));

        await ErrorAssert.IsAsync(response, HttpStatusCode.BadRequest, "invalid_json");
    }

    [Fact]
    public async Task Body_OfBrokenUtf8_IsRefused()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        HttpResponseMessage response = await host.PostAsync([.. """{"model":"3","prompt":"""u8, (byte)'"', 0xC3, 0x28, (byte)'"', (byte)'}']);

        await ErrorAssert.IsAsync(response, HttpStatusCode.BadRequest, "invalid_json");
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("null")]
    public async Task Body_OfAnotherKind_IsRefused(string body)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        HttpResponseMessage response = await host.PostAsync(body);

        await ErrorAssert.IsAsync(response, HttpStatusCode.BadRequest, "invalid_type");
    }

    [Fact]
    public async Task Parameters_WithSeveralProblems_AreReportedTogether()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        HttpResponseMessage response = await host.PostAsync("""{"temperature":5,"top_k":"x","best":1,"model":"3"}""");

        string message = await ErrorAssert.IsAsync(response, HttpStatusCode.BadRequest, "invalid_type", "top_k");
        Assert.Equal(
            "'top_k' must be a 32-bit integer. 'best' is not a parameter of this interface. 'prompt' is required. 'temperature' must be between 0 and 2.",
            message);
    }

    [Theory]
    [InlineData("""{"model":"3","prompt":"p","model":"4"}""", "model")]
    [InlineData("""{"model":"3","prompt":"p","m\u006fdel":"4"}""", "model")]
    [InlineData("""{"model":"3","prompt":"p","stream":true,"stream_options":{"include_usage":true,"include_usage":false}}""", "stream_options.include_usage")]
    public async Task Parameter_GivenTwice_IsRefused(string body, string param)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        await ErrorAssert.IsAsync(await host.PostAsync(body), HttpStatusCode.BadRequest, "invalid_value", param);
    }

    [Fact]
    public async Task Parameter_WithHalfASurrogateInItsName_IsRefused()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        HttpResponseMessage response = await host.PostAsync("""{"model":"3","prompt":"p","\udc00":1}""");

        await ErrorAssert.IsAsync(response, HttpStatusCode.BadRequest, "invalid_json");
    }

    [Fact]
    public async Task StreamOptions_WithAnUnknownMember_AreRefusedByName()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        HttpResponseMessage response = await host.PostAsync("""{"model":"3","prompt":"p","stream":true,"stream_options":{"x":1}}""");

        await ErrorAssert.IsAsync(response, HttpStatusCode.BadRequest, "unknown_parameter", "stream_options.x");
    }

    [Fact]
    public async Task Body_LargerThanAllowed_IsRefused()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid(), options => options.MaxRequestBodyBytes = 1000);

        HttpResponseMessage response = await host.PostAsync($$"""{"model":"3","prompt":"{{new string('a', 1000)}}"}""");

        string message = await ErrorAssert.IsAsync(response, HttpStatusCode.RequestEntityTooLarge, "request_too_large");
        Assert.Contains("1000 bytes", message);
    }

    [Fact]
    public async Task Body_ExactlyAsLargeAsAllowed_IsTaken()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid().Answers(FakeGrid.Finished()), options => options.MaxRequestBodyBytes = Good.Length);

        HttpResponseMessage response = await host.PostAsync(Good);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Body_InChunksLargerThanAllowed_IsRefusedBeforeItsEnd()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid(), options => options.MaxRequestBodyBytes = 1000);
        using var connection = new TcpClient();
        await connection.ConnectAsync(IPAddress.Loopback, host.Client.BaseAddress!.Port);
        await using NetworkStream stream = connection.GetStream();

        // One chunk of 1100 bytes; the chunk that would end the body never comes.
        string start = "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n44C\r\n";
        await stream.WriteAsync(Encoding.ASCII.GetBytes(start + new string('a', 1100) + "\r\n"));
        using var reader = new StreamReader(stream);
        string? status = await reader.ReadLineAsync();
        var headers = new List<string>();
        for (string? line = await reader.ReadLineAsync(); !string.IsNullOrEmpty(line); line = await reader.ReadLineAsync())
            headers.Add(line);

        Assert.StartsWith("HTTP/1.1 413 ", status);
        Assert.Contains("Connection: close", headers);
        Assert.Contains("Content-Type: application/json; charset=utf-8", headers);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/json; charset=utf-16")]
    public async Task Body_OfAnotherContentType_IsRefused(string contentType)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        HttpResponseMessage response = await host.PostAsync(Encoding.UTF8.GetBytes(Good), contentType);

        await ErrorAssert.IsAsync(response, HttpStatusCode.UnsupportedMediaType, "unsupported_media_type");
    }

    [Fact]
    public async Task Method_OfAnotherKind_IsRefusedWithTheOnesTaken()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        HttpResponseMessage response = await host.Client.GetAsync("/v1/completions");

        await ErrorAssert.IsAsync(response, HttpStatusCode.MethodNotAllowed, "method_not_allowed");
        Assert.Equal(["POST"], response.Content.Headers.Allow);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/v1/embeddings")]
    public async Task Path_OfNothing_IsRefused(string path)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        await ErrorAssert.IsAsync(await host.Client.GetAsync(path), HttpStatusCode.NotFound, "not_found");
    }

    [Theory]
    [InlineData(GridErrorKind.InvalidRequest, HttpStatusCode.BadRequest, "invalid_value", "prompt", "invalid_request_error")]
    [InlineData(GridErrorKind.ModelNotFound, HttpStatusCode.NotFound, "model_not_found", "model", "invalid_request_error")]
    [InlineData(GridErrorKind.ContextLengthExceeded, HttpStatusCode.BadRequest, "context_length_exceeded", "prompt", "invalid_request_error")]
    [InlineData(GridErrorKind.QueueFull, HttpStatusCode.TooManyRequests, "queue_full", null, "rate_limit_error")]
    [InlineData(GridErrorKind.NotReady, HttpStatusCode.ServiceUnavailable, "not_ready", null, "server_error")]
    [InlineData(GridErrorKind.Stopping, HttpStatusCode.ServiceUnavailable, "stopping", null, "server_error")]
    [InlineData(GridErrorKind.Internal, HttpStatusCode.InternalServerError, "internal_error", null, "server_error")]
    public async Task GridError_OfEachKind_HasItsStatus(GridErrorKind kind, HttpStatusCode status, string code, string? param, string type)
    {
        var grid = new FakeGrid { Refusal = new GridError(kind, "The reason.", param) };
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync(Good);

        Assert.Equal("The reason.", await ErrorAssert.IsAsync(response, status, code, param, type));
    }

    [Fact]
    public async Task QueueFull_SaysWhenToComeBack()
    {
        var grid = new FakeGrid { Refusal = new GridError(GridErrorKind.QueueFull, "The queue is full.", RetryAfter: TimeSpan.FromSeconds(2.5)) };
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync(Good);

        Assert.Equal(TimeSpan.FromSeconds(3), response.Headers.RetryAfter?.Delta);
    }
}
