using System.Net;
using System.Text.Json;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Tests;

public sealed class CompletionTests
{
    [Fact]
    public async Task Completion_OfText_HasOpenAIsShapeAndProvenance()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("头", [11]), new TokenChunk("", [12]), new TokenChunk("ache\n", []), FakeGrid.Finished(FinishReason.Length, 3, 2));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync("""{"model":"医学-triage","prompt":"p"}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        string requestId = response.Headers.GetValues("x-request-id").Single();
        JsonElement root = await GatewayHost.JsonAsync(response);
        Assert.Equal($"cmpl-{requestId}", root.GetProperty("id").GetString());
        Assert.Equal("text_completion", root.GetProperty("object").GetString());
        Assert.Equal("医学-triage", root.GetProperty("model").GetString());
        Assert.True(Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - root.GetProperty("created").GetInt64()) < 60);
        JsonElement choice = Assert.Single(root.GetProperty("choices").EnumerateArray());
        Assert.Equal(["text", "finish_reason", "index", "logprobs"], choice.EnumerateObject().Select(property => property.Name));
        Assert.Equal("头ache\n", choice.GetProperty("text").GetString());
        Assert.Equal("length", choice.GetProperty("finish_reason").GetString());
        Assert.Equal(0, choice.GetProperty("index").GetInt32());
        Assert.Equal(JsonValueKind.Null, choice.GetProperty("logprobs").ValueKind);
        Assert.Equal("""{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0}}""", root.GetProperty("usage").GetRawText());
        Assert.Equal(
            """{"base_model_hash":"sha256:base","adapter_hash":"sha256:adapter","bank":"triage","version":"1","task":"医学-triage","task_id":2,"gate_weights":[[0.25,0.75]],"mode":"shared","device":"fake","node":"node-1","seed":7,"weights_format":"f32"}""",
            root.GetProperty("provenance").GetRawText());
    }

    [Fact]
    public async Task Completion_WithReturnTokenIds_HasEveryId()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("a", [11, 12]), new TokenChunk("", [13]), FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync("""{"model":"3","prompt":"p","return_token_ids":true}""");

        JsonElement root = await GatewayHost.JsonAsync(response);
        Assert.Equal("[11,12,13]", root.GetProperty("choices")[0].GetProperty("token_ids").GetRawText());
        Assert.True(grid.LastRequest!.ReturnTokenIds);
    }

    [Fact]
    public async Task Completion_WithoutSettings_UsesOpenAIsDefaults()
    {
        FakeGrid grid = new FakeGrid().Answers(FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        await host.PostAsync("""{"model":"3","prompt":"p","max_tokens":null,"stop":null,"seed":null,"stream":null,"stream_options":null}""");

        GenerationRequest request = grid.LastRequest!;
        Assert.Equal(new TextPrompt("p"), request.Prompt);
        Assert.Equal(16, request.MaxTokens);
        Assert.Equal(1, request.Temperature);
        Assert.Equal(1, request.TopP);
        Assert.Equal(0, request.TopK);
        Assert.Equal(1, request.RepetitionPenalty);
        Assert.Null(request.Seed);
        Assert.Empty(request.Stop);
        Assert.False(request.ReturnTokenIds);
    }

    [Fact]
    public async Task Completion_WithAllSettings_PassesThemOn()
    {
        FakeGrid grid = new FakeGrid().Answers(FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync(
            """
            {"model":"3","prompt":"p","max_tokens":5,"temperature":0.5,"top_p":0.9,"top_k":40,"repetition_penalty":1.1,"seed":-9223372036854775808,
             "stop":["a","b"],"user":"u","n":1,"best_of":1,"echo":false,"logprobs":null,"suffix":null,"presence_penalty":0.25,"frequency_penalty":-0.5,"logit_bias":null,
             "min_p":0.05,"stop_token_ids":[7,8]}
            """);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        GenerationRequest request = grid.LastRequest!;
        Assert.Equal("3", request.Model.Text);
        Assert.Equal(5, request.MaxTokens);
        Assert.Equal(0.5, request.Temperature);
        Assert.Equal(0.9, request.TopP);
        Assert.Equal(40, request.TopK);
        Assert.Equal(1.1, request.RepetitionPenalty);
        Assert.Equal(long.MinValue, request.Seed);
        Assert.Equal(["a", "b"], request.Stop);
        Assert.Equal(0.25, request.PresencePenalty);
        Assert.Equal(-0.5, request.FrequencyPenalty);
        Assert.Equal(0.05, request.MinP);
        Assert.Equal([7, 8], request.StopTokenIds);
        Assert.Null(request.TopLogProbs);
        Assert.False(request.TrimToContext);
        Assert.Equal(response.Headers.GetValues("x-request-id").Single(), request.RequestId);
    }

    [Fact]
    public async Task Completion_OfSeveralAnswers_HasEachWithItsReason()
    {
        FakeGrid grid = new FakeGrid().Answers(
            new TokenChunk("a", [1]), new TokenChunk("x", [2], 1), new TokenChunk("b", [3]), new TokenChunk("y", [4], 1),
            new GenerationFinished([FinishReason.Stop, FinishReason.Length], new TokenUsage(3, 4, 2), default, FakeGrid.Provenance));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        JsonElement root = await GatewayHost.JsonAsync(await host.PostAsync("""{"model":"3","prompt":"p","n":2}"""));

        Assert.Equal(2, grid.LastRequest!.Answers);
        JsonElement[] choices = [.. root.GetProperty("choices").EnumerateArray()];
        Assert.Equal([(0, "ab", "stop"), (1, "xy", "length")],
            choices.Select(choice => (choice.GetProperty("index").GetInt32(), choice.GetProperty("text").GetString(), choice.GetProperty("finish_reason").GetString())));
        Assert.Equal(2, root.GetProperty("usage").GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32());
    }

    [Fact]
    public async Task Completion_WithLogProbs_HasOpenAIsFourLists()
    {
        // 甲 in two tokens of three bytes in all, the second token also the end of it; then a special token.
        TokenLogProb first = new(5, new byte[] { 0xE7, 0x94 }, -0.5), second = new(6, new byte[] { 0xB2 }, -1), end = new(7, default, double.NegativeInfinity), a = new(8, "a"u8.ToArray(), -0.25);
        FakeGrid grid = new FakeGrid().Answers(
            new TokenChunk("甲", [5, 6]) { LogProbs = [new(first, [a, first]), new(second, [a])] },
            new TokenChunk("", [7]) { LogProbs = [new(end, [])] },
            FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        JsonElement root = await GatewayHost.JsonAsync(await host.PostAsync("""{"model":"3","prompt":"p","logprobs":2}"""));

        Assert.Equal(2, grid.LastRequest!.TopLogProbs);
        Assert.Equal(
            """{"tokens":["bytes:\\xe7\\x94","bytes:\\xb2","token_id:7"],"token_logprobs":[-0.5,-1,-9999],"top_logprobs":[{"a":-0.25,"bytes:\\xe7\\x94":-0.5},{"a":-0.25,"bytes:\\xb2":-1},{"token_id:7":-9999}],"text_offset":[0,1,1]}""",
            root.GetProperty("choices")[0].GetProperty("logprobs").GetRawText());
    }

    [Theory]
    [InlineData("""{"type":"text"}""", null)]
    [InlineData("null", null)]
    [InlineData("""{"type":"json_object"}""", "any object")]
    [InlineData("""{"type":"json_schema","json_schema":{"name":"n","strict":true,"description":"d","schema":{"type":"object"}}}""", """{"type":"object"}""")]
    [InlineData("""{"type":"choice","choices":["是","否"]}""", "是|否")]
    public async Task Completion_WithResponseFormat_IsConstrained(string format, string? expected)
    {
        FakeGrid grid = new FakeGrid().Answers(FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync($$"""{"model":"3","prompt":"p","response_format":{{format}}}""");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        string? actual = grid.LastRequest!.Constraint switch
        {
            null => null,
            JsonObjectOutput => "any object",
            JsonSchemaOutput schema => schema.Schema,
            ChoiceOutput choice => string.Join('|', choice.Options),
            _ => "?",
        };
        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData("[5,0,2147483647]")]
    [InlineData("[[5,0,2147483647]]")]
    public async Task Completion_OfTokenIds_PassesThemOn(string prompt)
    {
        FakeGrid grid = new FakeGrid().Answers(FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        await host.PostAsync($$"""{"model":"3","prompt":{{prompt}}}""");

        Assert.Equal([5, 0, int.MaxValue], Assert.IsType<TokenPrompt>(grid.LastRequest!.Prompt).TokenIds);
    }

    [Fact]
    public async Task Completion_OfOneTextInAnArray_IsThatText()
    {
        FakeGrid grid = new FakeGrid().Answers(FakeGrid.Finished());
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        await host.PostAsync("""{"model":"3","prompt":["p\ud83d\ude00"],"stop":"s"}""");

        Assert.Equal(new TextPrompt("p😀"), grid.LastRequest!.Prompt);
        Assert.Equal(["s"], grid.LastRequest.Stop);
    }

    [Fact]
    public async Task Completion_ThatFailsLater_IsAnOrdinaryError()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("half", [1]), new GenerationFailed(new GridError(GridErrorKind.Stopping, "The server is stopping.")));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);

        HttpResponseMessage response = await host.PostAsync("""{"model":"3","prompt":"p"}""");

        await ErrorAssert.IsAsync(response, HttpStatusCode.ServiceUnavailable, "stopping", type: "server_error");
    }

    [Fact]
    public async Task Completion_WhoseClientLeaves_IsCancelled()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("half", [1]));
        await using GatewayHost host = await GatewayHost.StartAsync(grid);
        using var leave = new CancellationTokenSource();

        Task<HttpResponseMessage> pending = host.PostStreamAsync("""{"model":"3","prompt":"p"}""", leave.Token);
        while (grid.LastRequest is null)
            await Task.Yield();
        leave.Cancel();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pending);
        await grid.LeftEarly.WaitAsync(TimeSpan.FromMinutes(5));
    }
}
