using MoeLora.Adapters;
using MoeLora.Contracts;
using MoeLora.Models.Checkpoints;
using MoeLora.Serving.Loading;

namespace MoeLora.Serving.Tests;

public sealed class LifeTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private readonly GatedTime _time = new();

    public void Dispose() => _time.Dispose();

    [Fact]
    public async Task Grid_BeforeItIsLoaded_RefusesEverything()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.Qwen2));

        Assert.Equal(new GridStatus(GridPhase.Loading, "Loading qwen2-tiny."), grid.Status);
        Assert.Equal(GridErrorKind.NotReady, (await grid.RefusalAsync(Request(1))).Kind);
        Assert.False((await grid.ListModelsAsync()).TryGet(out _, out GridError? error));
        Assert.Equal(GridErrorKind.NotReady, error.Kind);
    }

    [Fact]
    public async Task Load_ReportsItsStepsAndBecomesReady()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.Qwen2) with { MergedTasks = ["1"], MergeAtStart = true });
        var steps = new List<string>();
        var details = new List<string>();

        await grid.LoadAsync(new Relay<GridLoading>(loading =>
        {
            steps.Add(loading.Step);
            details.Add(grid.Status.Detail);
        }));

        Assert.Equal(["hashing the base model", "reading the weights", "reading the adapter", "recovering tasks"], steps.Distinct());
        Assert.Contains("Loading qwen2-tiny: reading the weights (100 %).", details);
        Assert.Equal(new GridStatus(GridPhase.Ready, "Serving qwen2-tiny."), grid.Status);
    }

    [Fact]
    public async Task Load_OfNoModel_FailsAndStaysFailed()
    {
        await using var grid = new LocalGrid(Packs.Shared(Path.Combine(Packs.Data, "nothing")));

        await Assert.ThrowsAsync<CheckpointException>(() => grid.LoadAsync());

        Assert.Equal(GridPhase.Failed, grid.Status.Phase);
        Assert.DoesNotContain(Packs.Data, grid.Status.Detail);
        Assert.Equal(GridErrorKind.NotReady, (await grid.RefusalAsync(Request(1))).Kind);
    }

    [Fact]
    public async Task Load_OfAnotherModelsAdapter_Fails()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.Qwen2) with { AdapterDirectory = Packs.AdapterOf(Packs.ChatGlm) });

        await Assert.ThrowsAsync<AdapterException>(() => grid.LoadAsync());

        Assert.Equal(GridPhase.Failed, grid.Status.Phase);
    }

    [Fact]
    public async Task Load_WithAnUnknownTaskToMerge_FailsWithTheOnesThereAre()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.Qwen2) with { MergedTasks = ["1", "x", "9"] });

        UnknownTaskException exception = await Assert.ThrowsAsync<UnknownTaskException>(() => grid.LoadAsync());

        Assert.Equal("There is no task 'x', '9'. There are: 1, 2, 3, 4, 5, 6.", exception.Message);
    }

    [Fact]
    public async Task Load_Cancelled_Fails()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.Qwen2));
        using var cancellation = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            grid.LoadAsync(new Relay<GridLoading>(_ => cancellation.Cancel()), cancellation.Token));

        Assert.Equal(GridPhase.Failed, grid.Status.Phase);
    }

    [Fact]
    public void Options_ThatDoNotFit_AreRefusedTogether()
    {
        var options = new LocalGridOptions { ModelDirectory = "m", AdapterDirectory = null, QueueLength = 0, Threads = 0, MergeAtStart = true };

        ArgumentException exception = Assert.Throws<ArgumentException>(() => new LocalGrid(options));

        Assert.Equal("The grid cannot be made: at least one thread must compute; the queue must hold at least one request; "
            + "there is nothing to merge without an adapter; say which tasks to merge at the start.", exception.Message);
    }

    [Fact]
    public async Task Queue_WhenFull_RefusesUntilThereIsRoom()
    {
        await using LocalGrid grid = await LoadAsync(queue: 1);
        _time.Close();
        IAsyncEnumerable<GenerationEvent> running = await grid.StartAsync(Request(3));
        await _time.ArrivalAsync();
        IAsyncEnumerable<GenerationEvent> waiting = await grid.StartAsync(Request(2));

        GridError error = await grid.RefusalAsync(Request(1));
        _time.Open();

        Assert.Equal(GridErrorKind.QueueFull, error.Kind);
        Assert.NotNull(error.RetryAfter);
        Assert.Equal(3, (await Answers.ReadAsync(running)).Ids.Count);
        Assert.Equal(2, (await Answers.ReadAsync(waiting)).Ids.Count);
        Assert.Single((await grid.AnswerAsync(Request(1))).Ids);
    }

    [Fact]
    public async Task Request_CancelledWhileWaiting_MakesRoom()
    {
        await using LocalGrid grid = await LoadAsync(queue: 1);
        using var cancellation = new CancellationTokenSource();
        _time.Close();
        IAsyncEnumerable<GenerationEvent> running = await grid.StartAsync(Request(1));
        await _time.ArrivalAsync();
        IAsyncEnumerable<GenerationEvent> waiting = await grid.StartAsync(Request(1), cancellation.Token);

        cancellation.Cancel();
        IAsyncEnumerable<GenerationEvent> next = await grid.StartAsync(Request(2));
        _time.Open();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Answers.ReadAsync(waiting).WaitAsync(Patience));
        Assert.Single((await Answers.ReadAsync(running)).Ids);
        Assert.Equal(2, (await Answers.ReadAsync(next)).Ids.Count);
    }

    [Fact]
    public async Task Request_CancelledWhileRunning_Ends()
    {
        await using LocalGrid grid = await LoadAsync();
        using var cancellation = new CancellationTokenSource();
        _time.Close();
        IAsyncEnumerable<GenerationEvent> running = await grid.StartAsync(Request(500), cancellation.Token);
        await _time.ArrivalAsync();

        cancellation.Cancel();
        _time.Open();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Answers.ReadAsync(running).WaitAsync(Patience));
        Assert.Single((await grid.AnswerAsync(Request(1))).Ids);
    }

    [Fact]
    public async Task Reader_ThatLeaves_EndsItsRequest()
    {
        await using LocalGrid grid = await LoadAsync();
        using var leave = new CancellationTokenSource();
        _time.Close();
        IAsyncEnumerable<GenerationEvent> running = await grid.StartAsync(Request(500));
        await _time.ArrivalAsync();

        leave.Cancel();
        await using (IAsyncEnumerator<GenerationEvent> reader = running.GetAsyncEnumerator(leave.Token))
        {
            Assert.True(await reader.MoveNextAsync());
            Assert.IsType<GenerationStarted>(reader.Current);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reader.MoveNextAsync());
        }

        _time.Open();

        // Whoever read on would find no last event, but the cancellation.
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Answers.ReadAsync(running).WaitAsync(Patience));
    }

    [Fact]
    public async Task Stop_LetsRunningAndWaitingRequestsFinish()
    {
        await using LocalGrid grid = await LoadAsync();
        _time.Close();
        IAsyncEnumerable<GenerationEvent> running = await grid.StartAsync(Request(3));
        await _time.ArrivalAsync();
        IAsyncEnumerable<GenerationEvent> waiting = await grid.StartAsync(Request(2));

        Task stopping = grid.StopAsync();
        GridError refusal = await grid.RefusalAsync(Request(1));
        Assert.False(stopping.IsCompleted);
        _time.Open();
        await stopping.WaitAsync(Patience);

        Assert.Equal(GridErrorKind.Stopping, refusal.Kind);
        Assert.Equal(3, (await Answers.ReadAsync(running)).Ids.Count);
        Assert.Equal(2, (await Answers.ReadAsync(waiting)).Ids.Count);
    }

    [Fact]
    public async Task Stop_Forced_EndsRequestsWithAnErrorThatSaysSo()
    {
        await using LocalGrid grid = await LoadAsync();
        using var force = new CancellationTokenSource();
        _time.Close();
        IAsyncEnumerable<GenerationEvent> running = await grid.StartAsync(Request(500));
        await _time.ArrivalAsync();
        IAsyncEnumerable<GenerationEvent> waiting = await grid.StartAsync(Request(500));
        Task stopping = grid.StopAsync(force.Token);

        force.Cancel();
        _time.Open();
        CollectedAnswer never = await Answers.ReadAsync(waiting).WaitAsync(Patience);
        CollectedAnswer broken = await Answers.ReadAsync(running).WaitAsync(Patience);
        await stopping.WaitAsync(Patience);

        Assert.Equal(GridErrorKind.Stopping, Assert.IsType<GenerationFailed>(never.Last).Error.Kind);
        Assert.Empty(never.Ids);
        Assert.Equal(GridErrorKind.Stopping, Assert.IsType<GenerationFailed>(broken.Last).Error.Kind);
    }

    [Fact]
    public async Task Requests_OfManyCallers_AllGetTheirOwnAnswers()
    {
        await using LocalGrid grid = await LoadAsync();
        IReadOnlyDictionary<int, int[]> expected = Packs.Greedy(Packs.Qwen2);

        CollectedAnswer[] answers = await Task.WhenAll(Enumerable.Range(0, 24).Select(i =>
            Task.Run(() => grid.AnswerAsync(Answers.Request($"{i % 6 + 1}", Packs.Prompt(Packs.Qwen2), 12)))));

        Assert.All(answers.Select((answer, i) => (answer, i)), pair => Assert.Equal(expected[pair.i % 6 + 1], pair.answer.Ids));
    }

    private static GenerationRequest Request(int maxTokens) => Answers.Request("1", Packs.Prompt(Packs.Qwen2), maxTokens);

    private async Task<LocalGrid> LoadAsync(int queue = 32)
    {
        var grid = new LocalGrid(Packs.Shared(Packs.Qwen2) with { MaxSequences = 1, QueueLength = queue }, _time);
        await grid.LoadAsync();
        await grid.IdleAsync();
        return grid;
    }
}
