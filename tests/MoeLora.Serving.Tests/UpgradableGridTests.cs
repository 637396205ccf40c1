using System.Collections.Concurrent;
using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Export;
using MoeLora.Adapters.Import;
using MoeLora.Contracts;
using MoeLora.Models.Architectures;
using MoeLora.Models.Configs;
using MoeLora.Serving.Loading;

namespace MoeLora.Serving.Tests;

/// <summary>Version 1 is the Qwen2 pack's adapter, version 2 the same with deltas four times as large, which answers otherwise.</summary>
public sealed class UpgradableGridTests : IClassFixture<UpgradableGridTests.SecondVersion>, IDisposable
{
    private const int Tokens = 12;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly GatedTime _time = new();
    private readonly LocalGridOptions _v2;

    public UpgradableGridTests(SecondVersion second) => _v2 = Packs.Shared(Packs.Qwen2) with { AdapterDirectory = second.Path };

    public void Dispose() => _time.Dispose();

    [Fact]
    public async Task Upgrade_UnderAStormOfRequests_LosesNoneAndMixesNone()
    {
        IReadOnlyDictionary<int, int[]> v1 = Packs.Greedy(Packs.Qwen2), v2 = await AnswersOfAsync(_v2);
        Assert.All(v1.Keys, task => Assert.NotEqual(v1[task].Take(Tokens), v2[task]));
        (LocalGrid first, UpgradableGrid grid) = await LoadAsync();
        await using UpgradableGrid owned = grid;
        string hash = Hash(await grid.AnswerAsync(Request(1)));
        var answers = new ConcurrentBag<(int Task, CollectedAnswer Answer)>();
        bool isUpgraded = false;

        Task[] callers =
        [
            .. Enumerable.Range(0, 4).Select(caller => Task.Run(async () =>
            {
                bool isLast;
                int task = caller;
                do
                {
                    isLast = Volatile.Read(ref isUpgraded);
                    task = task % 6 + 1;
                    CollectedAnswer answer = await grid.AnswerAsync(Request(task));
                    answers.Add((task, answer));
                    Assert.True(!isLast || Hash(answer) != hash, "A request that came after the upgrade was answered by the old version.");
                }
                while (!isLast);
            })),
        ];
        await grid.UpgradeAsync(_v2);
        Volatile.Write(ref isUpgraded, true);
        await Task.WhenAll(callers).WaitAsync(Patience);

        Assert.Equal(2, answers.Select(answer => Hash(answer.Answer)).Append(hash).Distinct().Count());
        Assert.All(answers, answer => Assert.Equal(Hash(answer.Answer) == hash ? v1[answer.Task].Take(Tokens) : v2[answer.Task], answer.Answer.Ids));
        Assert.Equal(GridPhase.Stopping, first.Status.Phase);
        Assert.Equal(GridPhase.Ready, grid.Status.Phase);
    }

    [Fact]
    public async Task Upgrade_WhileRequestsRunAndWait_TheyFinishOnTheOldVersionAndNewOnesGetTheNew()
    {
        (LocalGrid first, UpgradableGrid grid) = await LoadAsync();
        await using UpgradableGrid owned = grid;
        string old = Hash(await grid.AnswerAsync(Request(1)));
        _time.Close();
        IAsyncEnumerable<GenerationEvent> running = await grid.StartAsync(Request(1));
        await _time.ArrivalAsync();
        IAsyncEnumerable<GenerationEvent> waiting = await grid.StartAsync(Request(2));

        Task upgrade = grid.UpgradeAsync(_v2);
        await StoppingAsync(first, upgrade);
        CollectedAnswer fresh = await grid.AnswerAsync(Request(1));
        Assert.False(upgrade.IsCompleted);
        _time.Open();
        await upgrade.WaitAsync(Patience);

        Assert.NotEqual(old, Hash(fresh));
        Assert.Equal(old, Hash(await Answers.ReadAsync(running)));
        CollectedAnswer waited = await Answers.ReadAsync(waiting);
        Assert.Equal(old, Hash(waited));
        Assert.Equal(Packs.Greedy(Packs.Qwen2)[2].Take(Tokens), waited.Ids);
    }

    [Fact]
    public async Task Upgrade_ToAnAdapterOfAnotherModel_LeavesTheOldVersionServing()
    {
        (_, UpgradableGrid grid) = await LoadAsync();
        await using UpgradableGrid owned = grid;
        string old = Hash(await grid.AnswerAsync(Request(1)));

        await Assert.ThrowsAsync<AdapterException>(() => grid.UpgradeAsync(_v2 with { AdapterDirectory = Packs.AdapterOf(Packs.ChatGlm) }));

        Assert.Equal(old, Hash(await grid.AnswerAsync(Request(1))));
        Assert.Equal(GridPhase.Ready, grid.Status.Phase);
        await grid.UpgradeAsync(_v2);
        Assert.NotEqual(old, Hash(await grid.AnswerAsync(Request(1))));
    }

    [Fact]
    public async Task Upgrade_CancelledWhileItLoads_LeavesTheOldVersionServing()
    {
        (_, UpgradableGrid grid) = await LoadAsync();
        await using UpgradableGrid owned = grid;
        string old = Hash(await grid.AnswerAsync(Request(1)));
        using var cancellation = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            grid.UpgradeAsync(_v2, new Relay<GridLoading>(_ => cancellation.Cancel()), cancellation.Token));

        Assert.Equal(old, Hash(await grid.AnswerAsync(Request(1))));
    }

    [Fact]
    public async Task Upgrades_AskedForTogether_TakeTurns()
    {
        (_, UpgradableGrid grid) = await LoadAsync();
        await using UpgradableGrid owned = grid;
        string old = Hash(await grid.AnswerAsync(Request(1)));

        await Task.WhenAll(grid.UpgradeAsync(_v2), grid.UpgradeAsync(Packs.Shared(Packs.Qwen2))).WaitAsync(Patience);

        Assert.Equal(old, Hash(await grid.AnswerAsync(Request(1)))); // the later of the two is version 1 again
    }

    [Fact]
    public async Task Stop_WhileANewVersionLoads_EndsTheUpgradeAndServesNothingMore()
    {
        (_, UpgradableGrid grid) = await LoadAsync();
        await using UpgradableGrid owned = grid;
        Task? stopping = null;

        Task upgrade = grid.UpgradeAsync(_v2, new Relay<GridLoading>(_ => stopping ??= grid.StopAsync()));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => upgrade.WaitAsync(Patience));
        await stopping!.WaitAsync(Patience);

        Assert.Equal(GridPhase.Stopping, grid.Status.Phase);
        Assert.Equal(GridErrorKind.Stopping, (await grid.RefusalAsync(Request(1))).Kind);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => grid.UpgradeAsync(_v2));
    }

    [Fact]
    public async Task Dispose_WhileTheOldVersionDrains_EndsItsRequestsWithAnErrorThatSaysSo()
    {
        (LocalGrid first, UpgradableGrid grid) = await LoadAsync();
        _time.Close();
        IAsyncEnumerable<GenerationEvent> running = await grid.StartAsync(Request(1) with { MaxTokens = 400 });
        await _time.ArrivalAsync();
        Task upgrade = grid.UpgradeAsync(_v2);
        await StoppingAsync(first, upgrade);

        Task disposing = grid.DisposeAsync().AsTask();
        _time.Open();
        await Task.WhenAll(disposing, upgrade).WaitAsync(Patience);
        await grid.DisposeAsync();

        Assert.Equal(GridErrorKind.Stopping, Assert.IsType<GenerationFailed>((await Answers.ReadAsync(running)).Last).Error.Kind);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => grid.UpgradeAsync(_v2));
    }

    private static GenerationRequest Request(int task) => Answers.Request($"{task}", Packs.Prompt(Packs.Qwen2), Tokens);

    private static string Hash(CollectedAnswer answer) => answer.Finished.Provenance.AdapterHash!;

    // The old version refuses new requests from the moment on at which the new one answers them.
    private static async Task StoppingAsync(LocalGrid old, Task upgrade)
    {
        await Task.Run(() => SpinWait.SpinUntil(() => old.Status.Phase == GridPhase.Stopping || upgrade.IsCompleted, Patience));
        Assert.False(upgrade.IsCompleted);
        Assert.Equal(GridPhase.Stopping, old.Status.Phase);
    }

    private static async Task<IReadOnlyDictionary<int, int[]>> AnswersOfAsync(LocalGridOptions options)
    {
        await using var grid = new LocalGrid(options);
        await grid.LoadAsync();
        var answers = new Dictionary<int, int[]>();
        for (int task = 1; task <= 6; task++)
            answers[task] = [.. (await grid.AnswerAsync(Request(task))).Ids];
        return answers;
    }

    private async Task<(LocalGrid First, UpgradableGrid Grid)> LoadAsync()
    {
        var first = new LocalGrid(Packs.Shared(Packs.Qwen2), _time);
        await first.LoadAsync();
        return (first, new UpgradableGrid(first));
    }

    /// <summary>Version 2, in a directory that goes with the tests.</summary>
    public sealed class SecondVersion : IDisposable
    {
        private readonly string _directory = Directory.CreateTempSubdirectory("moelora-v2-").FullName;

        public SecondVersion()
        {
            Adapter v1 = AdapterReader.Open(Packs.AdapterOf(Packs.Qwen2), ModelOutline.Of(ModelConfigReader.Read(Packs.Qwen2)).LinearModules);
            var bank = new ExpertBank(v1.Bank.Modules, v1.Bank.ExpertCount, 4 * v1.Bank.Alpha);
            AdapterDirectory.Write(Path, new Adapter(v1.Kind, bank, v1.Gates, v1.Tasks, v1.TargetModules));
        }

        public string Path => System.IO.Path.Combine(_directory, "v2");

        public void Dispose() => Directory.Delete(_directory, recursive: true);
    }
}
