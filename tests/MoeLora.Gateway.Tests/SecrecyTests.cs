using System.Net;
using System.Text.Json;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Tests;

/// <summary>No logger of the gateway or the server, at any level, ever sees a prompt or an answer.</summary>
public sealed class SecrecyTests
{
    private const string Marker = "zebra-4711";

    public static TheoryData<string> Bodies() => new(
        $$"""{"model":"3","prompt":"{{Marker}}"}""",
        $$"""{"model":"3","prompt":"{{Marker}}","stream":true}""",
        $$"""{"model":"3","prompt":"x","stop":["{{Marker}}"],"user":"{{Marker}}"}""",
        $$"""{"model":"{{Marker}}","prompt":"x","{{Marker}}":1}""",
        $$"""{"model":"3","prompt":"x","temperature":"{{Marker}}"}""",
        $$"""{"model":"3","prompt":"{{Marker}}""",
        $$"""{"model":"3","prompt":"{{Marker}}\ud800"}""",
        Marker);

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task Logs_OfAnyRequest_HoldNothingOfItNorOfItsAnswer(string body)
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk(Marker, [1]), FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync(body);
        await response.Content.ReadAsStringAsync();

        await host.DisposeAsync(); // the server has written its last line of this request
        Assert.Contains(response.Headers.GetValues("X-Request-Id").Single(), host.Log.Text);
        Assert.DoesNotContain(Marker, host.Log.Text);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Logs_OfABug_NameItsTypeAndPlaceOnly(bool stream)
    {
        var grid = new FakeGrid { Fault = new InvalidOperationException($"while reading {Marker}", new FormatException(Marker)) };
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync(JsonSerializer.Serialize(new { model = "3", prompt = Marker, stream }));

        string message = await ErrorAssert.IsAsync(response, HttpStatusCode.InternalServerError, "internal_error", type: "server_error");
        Assert.DoesNotContain(Marker, message);
        Assert.Contains(response.Headers.GetValues("X-Request-Id").Single(), message);
        await host.DisposeAsync();
        Assert.Contains(nameof(InvalidOperationException), host.Log.Text);
        Assert.Contains(nameof(FormatException), host.Log.Text);
        Assert.Contains(nameof(FakeGrid.GenerateAsync), host.Log.Text);
        Assert.DoesNotContain(Marker, host.Log.Text);
    }

    [Fact]
    public async Task Stream_ThatBreaksByABug_IsCutOffAndNotLogged()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk(Marker, [1]));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        using HttpResponseMessage response = await host.PostStreamAsync("""{"model":"3","prompt":"p","stream":true}""");
        grid.Breaks(new InvalidOperationException(Marker)); // only now: an abort may overtake headers that are still on their way

        // A connection that breaks inside the body: no client can take the answer for a complete one.
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => response.Content.ReadAsStringAsync());
        await host.DisposeAsync();
        Assert.Contains(nameof(InvalidOperationException), host.Log.Text);
        Assert.DoesNotContain(Marker, host.Log.Text);
    }

    [Fact]
    public void Contracts_Printed_HoldNoTexts()
    {
        var request = new GenerationRequest { Model = ModelRef.Parse("3"), Prompt = new TextPrompt(Marker), Stop = [Marker] };

        string printed = $"{request} {request.Prompt} {new TokenPrompt([4711])} {new TokenChunk(Marker, [4711])}";

        Assert.DoesNotContain(Marker, printed);
        Assert.DoesNotContain("4711", printed);
    }
}
