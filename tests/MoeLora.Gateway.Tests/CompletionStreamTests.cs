using System.Net;
using System.Text.Json;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Tests;

public sealed class CompletionStreamTests
{
    [Fact]
    public async Task Stream_OfText_SendsChunksThenReasonThenDone()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("a\nb", [1]), new TokenChunk("", [2]), new TokenChunk("词", [3]), FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync("""{"model":"3","prompt":"p","stream":true}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/event-stream; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        Assert.Equal("no-cache", response.Headers.CacheControl?.ToString());
        List<string> events = Events(await response.Content.ReadAsStringAsync());
        Assert.Equal(4, events.Count); // the chunk without text says nothing and is not sent
        JsonElement[] chunks = [.. events.SkipLast(1).Select(Parse)];
        Assert.Equal(["a\nb", "词", ""], chunks.Select(chunk => Choice(chunk).GetProperty("text").GetString()));
        Assert.Equal([null, null, "stop"], chunks.Select(chunk => Choice(chunk).GetProperty("finish_reason").GetString()));
        Assert.Single(chunks.Select(chunk => chunk.GetProperty("id").GetString()).Distinct());
        Assert.All(chunks, chunk => Assert.Equal("text_completion", chunk.GetProperty("object").GetString()));
        Assert.All(chunks, chunk => Assert.False(chunk.TryGetProperty("usage", out _)));
        Assert.All(chunks.SkipLast(1), chunk => Assert.False(chunk.TryGetProperty("provenance", out _)));
        Assert.Equal("sha256:adapter", chunks[^1].GetProperty("provenance").GetProperty("adapter_hash").GetString());
        Assert.Equal("[DONE]", events[^1]);
    }

    [Fact]
    public async Task Stream_WithUsage_EndsWithAChunkOfUsageAndProvenance()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("a", [1]), FakeGrid.Finished(FinishReason.Length, 7, 1));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync("""{"model":"3","prompt":"p","stream":true,"stream_options":{"include_usage":true}}""");

        List<string> events = Events(await response.Content.ReadAsStringAsync());
        Assert.Equal("length", Choice(Parse(events[^3])).GetProperty("finish_reason").GetString());
        Assert.All(events.SkipLast(2), item => Assert.Equal(JsonValueKind.Null, Parse(item).GetProperty("usage").ValueKind));
        JsonElement usage = Parse(events[^2]);
        Assert.Empty(usage.GetProperty("choices").EnumerateArray());
        Assert.Equal("""{"prompt_tokens":7,"completion_tokens":1,"total_tokens":8,"prompt_tokens_details":{"cached_tokens":0}}""", usage.GetProperty("usage").GetRawText());
        Assert.Equal(2, usage.GetProperty("provenance").GetProperty("task_id").GetInt32());
        Assert.Equal("[DONE]", events[^1]);
    }

    [Fact]
    public async Task Stream_WithReturnTokenIds_SendsEveryId()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("", [1]), new TokenChunk("ab", [2, 3]), FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync("""{"model":"3","prompt":"p","stream":true,"return_token_ids":true}""");

        IEnumerable<string> ids = Events(await response.Content.ReadAsStringAsync()).SkipLast(1).Select(item => Choice(Parse(item)).GetProperty("token_ids").GetRawText());
        Assert.Equal(["[1]", "[2,3]", "[]"], ids);
    }

    [Fact]
    public async Task Stream_OfATokenSoFar_ArrivesBeforeTheNext()
    {
        var grid = new FakeGrid();
        await using GatewayHost host = await GatewayHost.StartAsync(grid);
        grid.Answers(new TokenChunk("first", [1]));

        using HttpResponseMessage response = await host.PostStreamAsync("""{"model":"3","prompt":"p","stream":true}""");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        string? first = await reader.ReadLineAsync();
        grid.Answers(FakeGrid.Finished());

        Assert.Contains("first", first);
        Assert.Contains("[DONE]", await reader.ReadToEndAsync());
    }

    [Fact]
    public async Task Stream_WhoseClientLeaves_IsCancelled()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("first", [1]));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostStreamAsync("""{"model":"3","prompt":"p","stream":true}""");
        response.Dispose();

        await grid.LeftEarly.WaitAsync(TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Stream_ThatFailsBeforeTheFirstToken_IsAnOrdinaryError()
    {
        FakeGrid grid = new FakeGrid().Answers(new GenerationFailed(new GridError(GridErrorKind.Internal, "The model gave no finite logits.")));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync("""{"model":"3","prompt":"p","stream":true}""");

        await ErrorAssert.IsAsync(response, HttpStatusCode.InternalServerError, "internal_error", type: "server_error");
    }

    [Fact]
    public async Task Stream_ThatFailsLater_EndsWithAnErrorAndWithoutDone()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("half", [1]), new GenerationFailed(new GridError(GridErrorKind.Stopping, "The server is stopping.")));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync("""{"model":"3","prompt":"p","stream":true}""");

        List<string> events = Events(await response.Content.ReadAsStringAsync());
        Assert.Equal(2, events.Count);
        Assert.Equal("stopping", Parse(events[1]).GetProperty("error").GetProperty("code").GetString());
    }

    [Fact]
    public async Task Stream_OfSeveralAnswersWithLogProbs_KeepsThemApart()
    {
        TokenLogProb a = new(5, "a"u8.ToArray(), -0.5), b = new(6, "词"u8.ToArray(), -0.25);
        FakeGrid grid = new FakeGrid().Answers(
            new TokenChunk("a", [5]) { LogProbs = [new(a, [])] },
            new TokenChunk("词", [6], 1) { LogProbs = [new(b, [])] },
            new TokenChunk("a", [5], 1) { LogProbs = [new(a, [])] },
            new GenerationFinished([FinishReason.Stop, FinishReason.Length], new TokenUsage(1, 3), default, FakeGrid.Provenance));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync("""{"model":"3","prompt":"p","stream":true,"n":2,"logprobs":0}""");

        List<string> events = Events(await response.Content.ReadAsStringAsync());
        JsonElement[] chunks = [.. events.SkipLast(1).Select(Parse)];
        Assert.Equal([0, 1, 1, 0, 1], chunks.Select(chunk => Choice(chunk).GetProperty("index").GetInt32()));
        Assert.Equal([null, null, null, "stop", "length"], chunks.Select(chunk => Choice(chunk).GetProperty("finish_reason").GetString()));
        Assert.Equal(["[0]", "[0]", "[1]"], chunks.Take(3).Select(chunk => Choice(chunk).GetProperty("logprobs").GetProperty("text_offset").GetRawText()));
        Assert.Equal([false, false, false, false, true], chunks.Select(chunk => chunk.TryGetProperty("provenance", out _)));
    }

    /// <summary>The data of each event: everything must be one <c>data:</c> line and an empty one.</summary>
    internal static List<string> Events(string body)
    {
        Assert.EndsWith("\n\n", body);
        string[] events = body[..^2].Split("\n\n");
        Assert.All(events, item => Assert.StartsWith("data: ", item));
        Assert.All(events, item => Assert.DoesNotContain('\n', item));
        return [.. events.Select(item => item["data: ".Length..])];
    }

    private static JsonElement Parse(string json) => JsonDocument.Parse(json).RootElement;

    private static JsonElement Choice(JsonElement chunk) => chunk.GetProperty("choices")[0];
}
