using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using MoeLora.Client.Chat;
using MoeLora.Contracts;
using MoeLora.Gateway.Tests;
using AiMessage = Microsoft.Extensions.AI.ChatMessage;
using AiRole = Microsoft.Extensions.AI.ChatRole;
using ChatMessage = MoeLora.Contracts.ChatMessage;
using ChatRole = MoeLora.Contracts.ChatRole;

namespace MoeLora.Client.Tests;

public sealed class ChatClientTests
{
    [Fact]
    public async Task Response_HasTextReasonUsageAndProvenance()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("甲", []), new TokenChunk("状腺", []), FakeGrid.Finished(FinishReason.Length, 7, 2));
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);
        using var chat = new MoeLoraChatClient(connection.Client, "3");

        ChatResponse response = await chat.GetResponseAsync("q");

        Assert.Equal("甲状腺", response.Text);
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.Equal((7, 2, 9), (response.Usage!.InputTokenCount, response.Usage.OutputTokenCount, response.Usage.TotalTokenCount));
        Assert.Equal("1", Assert.IsType<Provenance>(response.AdditionalProperties![MoeLoraChatClient.ProvenanceKey]).Version);
        Assert.Equal([new ChatMessage(ChatRole.User, "q")], Assert.IsType<ChatPrompt>(grid.LastRequest!.Prompt).Messages);
        Assert.True(grid.LastRequest.TrimToContext);
    }

    [Fact]
    public async Task Stream_SumsUpToTheSameResponse()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("甲", []), new TokenChunk("状腺", []), FakeGrid.Finished(FinishReason.Stop, 7, 2));
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);
        using var chat = new MoeLoraChatClient(connection.Client, "3");

        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in chat.GetStreamingResponseAsync("q"))
            updates.Add(update);

        Assert.Equal(["甲", "状腺", ""], updates.Select(update => update.Text));
        Assert.IsType<Provenance>(updates[^1].AdditionalProperties![MoeLoraChatClient.ProvenanceKey]);
        ChatResponse response = updates.ToChatResponse();
        Assert.Equal("甲状腺", response.Text);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal(9, response.Usage!.TotalTokenCount);
        Assert.Single(response.Messages);
    }

    [Fact]
    public async Task Options_BecomeTheRequests()
    {
        FakeGrid grid = new FakeGrid().Answers(FakeGrid.Finished());
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);
        using var chat = new MoeLoraChatClient(connection.Client);

        await chat.GetResponseAsync(
            [new AiMessage(AiRole.System, "s"), new AiMessage(AiRole.User, [new TextContent("a"), new TextContent("b")]), new AiMessage(AiRole.Assistant, "c"), new AiMessage(AiRole.User, "d")],
            new ChatOptions
            {
                ModelId = "医学-triage",
                Instructions = "i",
                MaxOutputTokens = 5,
                Temperature = 0.5f,
                TopP = 0.25f,
                TopK = 7,
                PresencePenalty = 1,
                FrequencyPenalty = -1,
                Seed = 9,
                StopSequences = ["x"],
                ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonDocument.Parse("""{"type":"object"}""").RootElement),
                AdditionalProperties = new AdditionalPropertiesDictionary { ["min_p"] = 0.125, ["repetition_penalty"] = 2 },
            });

        GenerationRequest request = grid.LastRequest!;
        Assert.Equal(
            [new ChatMessage(ChatRole.System, "i"), new ChatMessage(ChatRole.System, "s"), new ChatMessage(ChatRole.User, "ab"), new ChatMessage(ChatRole.Assistant, "c"), new ChatMessage(ChatRole.User, "d")],
            Assert.IsType<ChatPrompt>(request.Prompt).Messages);
        Assert.Equal(("医学-triage", 5, false), (request.Model.Text, request.MaxTokens, request.TrimToContext));
        Assert.Equal((0.5, 0.25, 7, 1.0, -1.0), (request.Temperature, request.TopP, request.TopK, request.PresencePenalty, request.FrequencyPenalty));
        Assert.Equal((9L, 0.125, 2.0), (request.Seed, request.MinP, request.RepetitionPenalty));
        Assert.Equal(["x"], request.Stop);
        Assert.Equal("""{"type":"object"}""", Assert.IsType<JsonSchemaOutput>(request.Constraint).Schema);
    }

    [Fact]
    public async Task Choices_BecomeAConstraint()
    {
        FakeGrid grid = new FakeGrid().Answers(FakeGrid.Finished());
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);
        using var chat = new MoeLoraChatClient(connection.Client, "3");

        await chat.GetResponseAsync("q", new ChatOptions { AdditionalProperties = new AdditionalPropertiesDictionary { ["choices"] = new[] { "是", "否" } } });

        Assert.Equal(["是", "否"], Assert.IsType<ChoiceOutput>(grid.LastRequest!.Constraint).Options);
    }

    public static TheoryData<ChatOptions, string> Unsupported() => new()
    {
        { new ChatOptions { Tools = [SomeTool.Tool] }, "Tools" },
        { new ChatOptions { ToolMode = ChatToolMode.RequireAny }, "ToolMode" },
        { new ChatOptions { ConversationId = "c" }, "ConversationId" },
        { new ChatOptions { AdditionalProperties = new AdditionalPropertiesDictionary { ["logit_bias"] = 1 } }, "logit_bias" },
    };

    [Theory]
    [MemberData(nameof(Unsupported))]
    public async Task Option_WithoutACounterpart_IsRefusedByName(ChatOptions options, string name)
    {
        using var chat = new MoeLoraChatClient(new FakeGrid(), "3");

        NotSupportedException exception = await Assert.ThrowsAsync<NotSupportedException>(() => chat.GetResponseAsync("q", options));

        Assert.Contains(name, exception.Message);
    }

    [Fact]
    public async Task Content_OtherThanText_IsRefused()
    {
        using var chat = new MoeLoraChatClient(new FakeGrid(), "3");

        await Assert.ThrowsAsync<NotSupportedException>(() => chat.GetResponseAsync([new AiMessage(AiRole.User, [new UriContent("https://a.example/b.png", "image/png")])]));
        await Assert.ThrowsAsync<NotSupportedException>(() => chat.GetResponseAsync([new AiMessage(AiRole.Tool, "t")]));
    }

    [Fact]
    public async Task Task_ThatNobodyNames_IsAnError()
    {
        using var chat = new MoeLoraChatClient(new FakeGrid());

        await Assert.ThrowsAsync<ArgumentException>(() => chat.GetResponseAsync("q"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Grid_ThatDoesNotAnswer_IsAnExceptionWithItsError(bool later)
    {
        var error = new GridError(GridErrorKind.QueueFull, "The queue is full.", RetryAfter: TimeSpan.FromSeconds(2));
        FakeGrid grid = later ? new FakeGrid().Answers(new TokenChunk("a", []), new GenerationFailed(error)) : new FakeGrid { Refusal = error };
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);
        using var chat = new MoeLoraChatClient(connection.Client, "3");

        MoeLoraException exception = await Assert.ThrowsAsync<MoeLoraException>(() => chat.GetResponseAsync("q"));

        Assert.Equal(GridErrorKind.QueueFull, exception.Error.Kind);
    }

    [Fact]
    public async Task Services_HaveOneClientAsGridAndChat()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("a", []), FakeGrid.Finished());
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);
        await using ServiceProvider services = new ServiceCollection().AddMoeLoraClient(options =>
        {
            options.Address = connection.Client.Address;
            options.Model = "3";
        }).BuildServiceProvider();

        var chat = services.GetRequiredService<IChatClient>();

        Assert.Equal("a", (await chat.GetResponseAsync("q")).Text);
        Assert.Same(services.GetRequiredService<IModelGrid>(), chat.GetService<MoeLoraClient>());
        Assert.Equal("moelora", chat.GetService<ChatClientMetadata>()!.ProviderName);
    }

    private sealed class SomeTool : AITool
    {
        public static AITool Tool { get; } = new SomeTool();

        public override string Name => "lookup";
    }
}
