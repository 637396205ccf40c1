using MoeLora.Contracts;
using MoeLora.Gateway.Tests;
using MoeLora.Gateway.Tests.Fakes;

namespace MoeLora.Client.Tests;

public sealed class GenerateTests
{
    private static readonly GenerationRequest Plain = new() { Model = ModelRef.Parse("3"), Prompt = new TextPrompt("p") };

    public static TheoryData<GenerationRequest> Requests() => new(
        Plain,
        new GenerationRequest { Model = ModelRef.Parse("bank/医学@2"), Prompt = new TokenPrompt([1, 0, int.MaxValue]), ReturnTokenIds = true, MaxTokens = 7 },
        new GenerationRequest
        {
            Model = ModelRef.Parse("3"),
            Prompt = new ChatPrompt([new(ChatRole.System, "s"), new(ChatRole.User, "u\"\\\n"), new(ChatRole.Assistant, ""), new(ChatRole.User, "😀")]),
            MaxTokens = int.MaxValue,
            TrimToContext = true,
        },
        new GenerationRequest { Model = ModelRef.Parse("3"), Prompt = new ChatPrompt([new(ChatRole.User, "u")]), TopLogProbs = 3, ReturnTokenIds = true, MaxTokens = 9 },
        new GenerationRequest
        {
            Model = ModelRef.Parse("3"),
            Prompt = new TextPrompt("p"),
            MaxTokens = 5,
            TrimToContext = true,
            Temperature = 0.1,
            TopP = 0.2,
            TopK = 3,
            MinP = 0.4,
            RepetitionPenalty = 1.5,
            PresencePenalty = -0.6,
            FrequencyPenalty = 0.7,
            Answers = 2,
            TopLogProbs = 0,
            Seed = long.MinValue,
            Stop = ["a", "b"],
            StopTokenIds = [4, 5],
            ReturnTokenIds = true,
            Constraint = new ChoiceOutput(["x", "y"]),
        },
        Plain with { Constraint = new JsonObjectOutput() },
        Plain with { Constraint = new JsonSchemaOutput("""{"type":"object","properties":{"a":{"enum":["\u5934"]}}}""") });

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task Request_ArrivesAsItWasSent(GenerationRequest request)
    {
        FakeGrid grid = new FakeGrid().Answers(new GenerationFinished([.. Enumerable.Repeat(FinishReason.Stop, request.Answers)], new TokenUsage(1, 1), default, FakeGrid.Provenance));
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);

        await EventsAsync(connection, request);

        GenerationRequest arrived = grid.LastRequest!;
        Assert.Equal(Flat(request), Flat(arrived));
        Assert.Equal(Values(request.Prompt), Values(arrived.Prompt));
        Assert.Equal(request.Stop, arrived.Stop);
        Assert.Equal(request.StopTokenIds, arrived.StopTokenIds);
        Assert.Equal(request.Constraint switch { ChoiceOutput choice => string.Join('|', choice.Options), JsonSchemaOutput schema => schema.Schema, { } other => other.ToString(), null => null },
            arrived.Constraint switch { ChoiceOutput choice => string.Join('|', choice.Options), JsonSchemaOutput schema => schema.Schema, { } other => other.ToString(), null => null });

        static GenerationRequest Flat(GenerationRequest request) => request with
        {
            Subject = null,
            RequestId = null,
            Prompt = new TextPrompt("p"),
            Stop = [],
            StopTokenIds = [],
            Constraint = null,
        };
        static IEnumerable<object> Values(Prompt prompt) => prompt switch
        {
            TextPrompt text => [text.Text],
            TokenPrompt tokens => tokens.TokenIds.Cast<object>(),
            ChatPrompt chat => chat.Messages,
            _ => [],
        };
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Events_ArriveAsTheyWereMade(bool chat)
    {
        TokenLogProb a = new(5, new byte[] { 0xE7, 0x94 }, -0.5), b = new(6, default, -1);
        var timings = new GenerationTimings(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(2), TimeSpan.FromMilliseconds(3), 4);
        GenerationEvent[] made =
        [
            new TokenChunk("甲\n", [5]) { LogProbs = [new(a, [a, b])] },
            new TokenChunk("", [6], 1) { LogProbs = [new(b, [])] },
            new GenerationFinished([FinishReason.Stop, FinishReason.Length], new TokenUsage(3, 2, 1), timings, FakeGrid.Provenance),
        ];
        await using GatewayConnection connection = await GatewayConnection.StartAsync(new FakeGrid().Answers(made));
        Prompt prompt = chat ? new ChatPrompt([new(ChatRole.User, "u")]) : new TextPrompt("p");

        List<GenerationEvent> events = await EventsAsync(connection, Plain with { Prompt = prompt, Answers = 2, TopLogProbs = 2, ReturnTokenIds = true });

        Assert.Equal(3, events.Count);
        for (int i = 0; i < 2; i++)
        {
            TokenChunk expected = (TokenChunk)made[i], actual = Assert.IsType<TokenChunk>(events[i]);
            Assert.Equal((expected.Text, expected.Answer), (actual.Text, actual.Answer));
            Assert.Equal(expected.TokenIds, actual.TokenIds);
            Assert.Equal(expected.LogProbs.Select(Flat), actual.LogProbs.Select(Flat));
        }

        GenerationFinished finished = Assert.IsType<GenerationFinished>(events[2]), last = (GenerationFinished)made[2];
        Assert.Equal(last.Reasons, finished.Reasons);
        Assert.Equal((last.Usage, last.Timings), (finished.Usage, finished.Timings));
        Assert.Equal(last.Provenance with { GateWeights = [] }, finished.Provenance with { GateWeights = [] });
        Assert.Equal(last.Provenance.GateWeights, finished.Provenance.GateWeights);

        static string Flat(TokenLogProbs token) => string.Join(' ', token.Top.Prepend(token.Chosen).Select(one => $"{one.TokenId} {Convert.ToHexString(one.Bytes.Span)} {one.LogProb}"));
    }

    [Fact]
    public async Task Answer_ThatIsLeftEarly_IsEndedThere()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("first", [1]));
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);

        Assert.True((await connection.Client.GenerateAsync(Plain)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out _));
        await foreach (GenerationEvent _ in events)
            break;

        await grid.LeftEarly.WaitAsync(TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Answer_ThatIsCancelledUnread_IsEndedThere()
    {
        FakeGrid grid = new FakeGrid().Answers(new TokenChunk("first", [1]));
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);
        using var cancel = new CancellationTokenSource();

        await connection.Client.GenerateAsync(Plain, cancel.Token);
        cancel.Cancel();

        await grid.LeftEarly.WaitAsync(TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task Answer_ThatIsCancelledWhileRead_Throws()
    {
        await using GatewayConnection connection = await GatewayConnection.StartAsync(new FakeGrid().Answers(new TokenChunk("first", [1])));
        using var cancel = new CancellationTokenSource();
        Assert.True((await connection.Client.GenerateAsync(Plain, cancel.Token)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out _));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GenerationEvent _ in events)
                cancel.Cancel();
        });
    }

    [Fact]
    public async Task Key_SaysWhoseAnswerItIs()
    {
        FakeGrid grid = new FakeGrid().Answers(FakeGrid.Finished());
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid, new FakeDirectory(), "inference");

        await EventsAsync(connection, Plain);

        Assert.Equal((FakeDirectory.Ward, "key-inference"), (grid.LastRequest!.Tenant, grid.LastRequest.Subject));
    }

    [Fact]
    public async Task Models_AreTheGrids()
    {
        var grid = new FakeGrid();
        grid.Models[0] = grid.Models[0] with { Bank = "triage", Version = "1" };
        await using GatewayConnection connection = await GatewayConnection.StartAsync(grid);

        Assert.True((await connection.Client.ListModelsAsync()).TryGet(out IReadOnlyList<ModelDescription>? models, out _));
        Assert.True((await connection.Client.FindModelAsync(ModelRef.Parse("医学-triage"))).TryGet(out ModelDescription? model, out _));
        Assert.False((await connection.Client.FindModelAsync(ModelRef.Parse("a/b@c?"))).TryGet(out _, out GridError? error));

        Assert.Equal(grid.Models, models);
        Assert.Equal(grid.Models[0], model);
        Assert.Equal(GridErrorKind.ModelNotFound, error.Kind);
    }

    internal static async Task<List<GenerationEvent>> EventsAsync(GatewayConnection connection, GenerationRequest request)
    {
        var all = new List<GenerationEvent>();
        Assert.True((await connection.Client.GenerateAsync(request)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error), error?.Message);
        await foreach (GenerationEvent item in events)
            all.Add(item);
        return all;
    }
}
