using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Nodes;
using MoeLora.Serving.State;
using MoeLora.Serving.Tasks;

namespace MoeLora.Serving.Tests.Nodes;

public sealed class NodeTests : IClassFixture<NodeTests.Bundles>, IAsyncLifetime
{
    private const int Tokens = 8;

    private readonly NodeBundles _bundles;
    private readonly string _state = Directory.CreateTempSubdirectory("moelora-node-").FullName;
    private readonly List<StateDatabase> _databases = [];
    private NodeGrid _node;

    public NodeTests(Bundles bundles)
    {
        _bundles = bundles.Made;
        _node = Open();
    }

    public Task InitializeAsync() => _node.StartAsync();

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        _databases.ForEach(database => database.Dispose());
        Directory.Delete(_state, recursive: true);
    }

    [Fact]
    public async Task Node_WithoutAnyVersion_AnswersNothingNotEvenAsTheBaseModel()
    {
        Assert.Equal(GridErrorKind.ModelNotFound, (await _node.RefusalAsync(Request("1"))).Kind);
        Assert.Equal(GridErrorKind.ModelNotFound, (await _node.RefusalAsync(Request("qwen2-tiny"))).Kind);
    }

    [Fact]
    public async Task Activation_PublishesLoadsProvesAndServes()
    {
        await PublishAsync(_bundles.Make("1", 1));
        AdapterVersionStatus status = await ExecuteAsync(new ActivateVersion("bank", "1"));

        CollectedAnswer answer = await _node.AnswerAsync(Request("1"));

        Assert.Equal(RolloutState.Active, status.State);
        Assert.Equal(Packs.Greedy(Packs.Qwen2)[1].Take(Tokens), answer.Ids);
        Provenance provenance = answer.Finished.Provenance;
        Assert.Equal(("bank", "1", status.BundleHash, "n1", ServingMode.Shared), (provenance.Bank, provenance.Version, provenance.AdapterHash, provenance.Node, provenance.Mode));
        Assert.Equal(_bundles.Tasks.Select(task => task.Name.ToString()), (await ModelsAsync()).Select(model => model.Id));
    }

    [Theory]
    [InlineData("unproven")]
    [InlineData("nan")]
    public async Task Activation_OfABrokenVersion_LeavesTheActiveOneServing(string kind)
    {
        await ActivateAsync("1", 1);
        await PublishAsync(kind == "nan" ? _bundles.MakeNaN("2" + kind) : _bundles.MakeUnproven("2" + kind, 3));

        GridResult<AdapterVersionStatus> result = await _node.Rollouts.ExecuteAsync(new ActivateVersion("bank", "2" + kind), NodeBundles.Operator);

        Assert.False(result.TryGet(out _, out GridError? error));
        Assert.Contains(kind == "nan" ? "NaN" : "did not give the answers", error.Message);
        Assert.Equal("1", (await _node.AnswerAsync(Request("1"))).Finished.Provenance.Version);
        Assert.Equal(RolloutState.Failed, (await VersionsAsync()).Single(version => version.Version == "2" + kind).State);
    }

    [Fact]
    public async Task Steps_AreMeasuredByBaseModelAndDevice()
    {
        await ActivateAsync("1", 1);
        var seen = new System.Collections.Concurrent.ConcurrentQueue<(double Seconds, string Base, string Device)>();
        using var listener = new System.Diagnostics.Metrics.MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == Telemetry.StepTime)
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<double>((_, value, tags, _) => seen.Enqueue((value, (string)tags[0].Value!, (string)tags[1].Value!)));
        listener.Start();

        await _node.AnswerAsync(Request("1"));

        var host = _node.Bases.Single();
        Assert.True(seen.Count(each => each.Seconds > 0 && each.Base == host.Name && each.Device == host.Model.Device.Name) >= Tokens - 1); // other tests' engines may add theirs
    }

    [Fact]
    public async Task Rollback_GivesTheVersionBeforeAgain()
    {
        await ActivateAsync("1", 1);
        await ActivateAsync("4", 4);
        Assert.Equal("4", (await _node.AnswerAsync(Request("1"))).Finished.Provenance.Version);

        await ExecuteAsync(new RollBack("bank"));

        CollectedAnswer answer = await _node.AnswerAsync(Request("1"));
        Assert.Equal("1", answer.Finished.Provenance.Version);
        Assert.Equal(Packs.Greedy(Packs.Qwen2)[1].Take(Tokens), answer.Ids);
    }

    [Fact]
    public async Task Version_NamedByTheRequest_AnswersThatIsVerifiedOnly()
    {
        await ActivateAsync("1", 1);
        await PublishAsync(_bundles.Make("4", 4));
        GridError absent = await _node.RefusalAsync(Request("bank/1@4"));
        await ExecuteAsync(new LoadVersion("bank", "4"));

        Assert.Equal(GridErrorKind.ModelNotFound, absent.Kind);
        Assert.Equal("4", (await _node.AnswerAsync(Request("bank/1@4"))).Finished.Provenance.Version);
        Assert.Equal("1", (await _node.AnswerAsync(Request("bank/1"))).Finished.Provenance.Version);
        Assert.Equal(GridErrorKind.ModelNotFound, (await _node.RefusalAsync(Request("1@9"))).Kind);
    }

    [Fact]
    public async Task Canary_ForATenant_GivesItToThatTenantOnly()
    {
        await ActivateAsync("1", 1);
        await PublishAsync(_bundles.Make("4", 4));
        TenantId trial = TenantId.Parse("trial");
        await ExecuteAsync(new StartCanary("bank", "4", new CanaryRule(0, [trial])));

        Assert.Equal("4", (await _node.AnswerAsync(Request("1") with { Tenant = trial })).Finished.Provenance.Version);
        Assert.Equal("1", (await _node.AnswerAsync(Request("1"))).Finished.Provenance.Version);
    }

    [Fact]
    public async Task Shadow_ComparesAnswersAndGivesTheActiveOnes()
    {
        await ActivateAsync("1", 1);
        await PublishAsync(_bundles.Make("4", 4));
        await ExecuteAsync(new StartShadow("bank", "4", 1));

        CollectedAnswer answer = await _node.AnswerAsync(Request("1"));

        Assert.Equal("1", answer.Finished.Provenance.Version);
        ShadowStatus? shadow = null;
        for (int i = 0; i < 400 && shadow is not { Compared: > 0 }; i++)
        {
            shadow = (await VersionsAsync()).Single(version => version.Version == "4").Shadow;
            await Task.Yield();
            await _node.AnswerAsync(Request("1@1")); // gives the copy time; it is not copied itself
        }

        Assert.Equal((1, 0), (shadow!.Compared, shadow.Equal)); // four times the delta answers otherwise
    }

    [Fact]
    public async Task Shadow_ThatCannotTakeACopy_LeavesTheAnswerAloneAndHoldsNothing()
    {
        await ActivateAsync("1", 1);
        await PublishAsync(_bundles.Make("4", 4));
        await ExecuteAsync(new StartShadow("bank", "4", 1));
        LoadedVersion shadow = _node.Versions().Single(version => version.Adapter.Adapter.Manifest!.Version.ToString() == "4");
        foreach (LoadedTask task in shadow.Adapter.Tasks)
            await task.FreeAsync(); // from now on, holding one throws

        CollectedAnswer answer = await _node.AnswerAsync(Request("1"));

        AdapterVersionStatus status = (await VersionsAsync()).Single(version => version.Version == "4");
        Assert.Equal("1", answer.Finished.Provenance.Version);
        Assert.Equal((0, 1), (status.Shadow!.Compared, status.Shadow.Dropped));
        Assert.Equal(0, status.RunningSequences); // else its drain would wait for ever
    }

    [Fact]
    public async Task Task_FreedWhileItsWeightsAreRecovered_FreesThemToo()
    {
        await ActivateAsync("1", 1);
        LoadedAdapter adapter = _node.Versions().Single().Adapter;
        BaseModelHost host = adapter.Host;
        long before = host.WeightBytes;
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        LoadedTask task = LoadedTask.Of(adapter, adapter.Tasks[0].Task!, TaskForm.Shared(host, (await adapter.Tasks[0].HoldAsync(default)).Model), async cancellation =>
        {
            begun.SetResult();
            await goOn.Task;
            return await host.Slices.RunAsync(turn => Adapters.Recovery.MergeAsync(host.Model, host.Published, adapter.Adapter, [adapter.Tasks[0].Task!], turn, cancellation: cancellation));
        });

        Task<TaskForm?> merge = task.MergeAsync(CancellationToken.None);
        await begun.Task;
        Task free = task.FreeAsync();
        goOn.SetResult();
        await merge;
        await free;

        Assert.Equal(before, host.WeightBytes);
        Assert.Null(await task.MergeAsync(CancellationToken.None));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await task.HoldAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Forms_WhenALookFails_AreLookedAtAgainAndTheNodeFreesEverything()
    {
        await _node.DisposeAsync();
        _databases.ForEach(database => database.Dispose());
        _databases.Add(StateDatabase.Sqlite(Path.Combine(_state, "state.db")));
        var names = new FailingNames();
        _node = NodeGrid.Open(
            _bundles.Options(_state) with { Merging = new MergingOptions { Merged = names, Interval = TimeSpan.FromMilliseconds(1) } },
            _databases[^1], null, NullLoggerFactory.Instance, TimeProvider.System);
        await _node.StartAsync();
        await ActivateAsync("1", 1);

        names.Fails = true;
        await names.Failed.Task;
        names.Fails = false;
        await names.LookedAgain.Task;

        await _node.DisposeAsync();
    }

    [Fact]
    public async Task Restart_ServesWhatWasActive()
    {
        await ActivateAsync("1", 1);
        await ActivateAsync("4", 4);
        CollectedAnswer before = await _node.AnswerAsync(Request("2"));

        await _node.DisposeAsync();
        _node = Open();
        await _node.StartAsync();

        CollectedAnswer after = await _node.AnswerAsync(Request("2"));
        Assert.Equal("4", after.Finished.Provenance.Version);
        Assert.Equal(before.Ids, after.Ids);
    }

    [Fact]
    public async Task Task_ThatIsPinnedAsMerged_IsServedMergedWithTheSameTokens()
    {
        await ActivateAsync("1", 1);
        string name = _bundles.Tasks[0].Name.ToString();
        var forms = new TaskForms(new MergingOptions { Merged = [$"bank/{name}"] }, () => [.. _node.Versions().SelectMany(version => version.Adapter.Tasks)]);

        await forms.AdjustAsync(measure: true, CancellationToken.None);

        CollectedAnswer merged = await _node.AnswerAsync(Request("1")), shared = await _node.AnswerAsync(Request("2"));
        Assert.Equal(ServingMode.Merged, merged.Finished.Provenance.Mode);
        Assert.Equal(ServingMode.Shared, shared.Finished.Provenance.Mode);
        Assert.Equal(Packs.Greedy(Packs.Qwen2)[1].Take(Tokens), merged.Ids);
    }

    [Fact]
    public async Task Task_ToBeMergedWhereHeld_IsMergedJustSoLong()
    {
        await ActivateAsync("1", 1);
        string name = _bundles.Tasks[0].Name.ToString();
        var forms = new TaskForms(new MergingOptions { Merged = [$"bank/{name}"], WhereHeld = true }, () => [.. _node.Versions().SelectMany(version => version.Adapter.Tasks)]);

        await forms.AdjustAsync(measure: true, CancellationToken.None);
        CollectedAnswer before = await _node.AnswerAsync(Request("1"));
        IDisposable first = forms.Hold("bank", name), second = forms.Hold("bank", name);
        await forms.ChangeAsync(TimeProvider.System, CancellationToken.None); // at once, not at the end of the interval
        await forms.AdjustAsync(measure: true, CancellationToken.None);
        first.Dispose();
        await forms.AdjustAsync(measure: true, CancellationToken.None);
        CollectedAnswer held = await _node.AnswerAsync(Request("1"));
        second.Dispose();
        await forms.AdjustAsync(measure: true, CancellationToken.None);
        CollectedAnswer after = await _node.AnswerAsync(Request("1"));

        Assert.Equal([ServingMode.Shared, ServingMode.Merged, ServingMode.Shared], ((CollectedAnswer[])[before, held, after]).Select(answer => answer.Finished.Provenance.Mode));
        Assert.Equal(0, forms.Held);
    }

    [Fact]
    public async Task Task_WithMostOfTheTraffic_IsMergedAndSharedAgainWhenItIsLess()
    {
        await ActivateAsync("1", 1);
        var forms = new TaskForms(new MergingOptions { Auto = true, Share = 0.8 }, () => [.. _node.Versions().SelectMany(version => version.Adapter.Tasks)]);
        await _node.AnswerAsync(Request("3"));
        await forms.AdjustAsync(measure: true, CancellationToken.None);
        forms.Hold("bank", "another").Dispose();
        Assert.False(await forms.ChangeAsync(TimeProvider.System, CancellationToken.None));
        await forms.AdjustAsync(measure: false, CancellationToken.None); // a look for a hold's sake, a moment after, changes nothing
        ServingMode busy = (await ModelsAsync()).Single(model => model.TaskId == 3).Mode;
        await _node.AnswerAsync(Request("1"));
        await _node.AnswerAsync(Request("2"));
        await _node.AnswerAsync(Request("4"));

        await forms.AdjustAsync(measure: true, CancellationToken.None);

        Assert.Equal(ServingMode.Merged, busy);
        Assert.All(await ModelsAsync(), model => Assert.Equal(ServingMode.Shared, model.Mode));
    }

    [Fact]
    public async Task Answers_ToOnePrompt_BeginWithTheSeedAndDifferByIt()
    {
        await ActivateAsync("1", 1);
        GenerationRequest request = Request("1") with { Temperature = 2, Seed = 7 };

        CollectedAnswer one = await _node.AnswerAsync(request);
        var several = new List<int>[3].Select(_ => new List<int>()).ToArray();
        await foreach (GenerationEvent item in await _node.StartAsync(request with { Answers = 3 }))
        {
            if (item is TokenChunk chunk)
                several[chunk.Answer].AddRange(chunk.TokenIds);
        }

        Assert.Equal(one.Ids, several[0]);
        Assert.True(several.Select(ids => string.Join(",", ids)).Distinct().Count() > 1);
    }

    [Fact]
    public void State_ThatAnotherNodeHas_CannotBeTaken() =>
        Assert.Throws<InvalidOperationException>(() => Open());

    /// <summary>Names whose reading fails when it is told to.</summary>
    private sealed class FailingNames : IReadOnlyList<string>
    {
        public volatile bool Fails;

        public TaskCompletionSource Failed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource LookedAgain { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Count => 0;

        public string this[int index] => throw new ArgumentOutOfRangeException(nameof(index));

        public IEnumerator<string> GetEnumerator()
        {
            if (Fails)
            {
                Failed.TrySetResult();
                throw new OutOfMemoryException("No memory for recovered weights.");
            }

            if (Failed.Task.IsCompleted)
                LookedAgain.TrySetResult();
            return Enumerable.Empty<string>().GetEnumerator();
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }

    private NodeGrid Open()
    {
        _databases.ForEach(database => database.Dispose());
        _databases.Add(StateDatabase.Sqlite(Path.Combine(_state, "state.db")));
        return NodeGrid.Open(_bundles.Options(_state), _databases[^1], null, NullLoggerFactory.Instance, TimeProvider.System);
    }

    private static GenerationRequest Request(string model) => Answers.Request(model, Packs.Prompt(Packs.Qwen2), Tokens);

    private async Task ActivateAsync(string version, double strength)
    {
        await PublishAsync(_bundles.Make(version, strength));
        await ExecuteAsync(new ActivateVersion("bank", version));
    }

    private async Task PublishAsync(string bundle)
    {
        await using MemoryStream archive = await NodeBundles.PackAsync(bundle);
        GridResult<AdapterVersionStatus> result = await _node.Rollouts.PublishAsync(archive, NodeBundles.Operator);
        Assert.True(result.TryGet(out _, out GridError? error), error?.Message);
    }

    private async Task<AdapterVersionStatus> ExecuteAsync(RolloutCommand command)
    {
        GridResult<AdapterVersionStatus> result = await _node.Rollouts.ExecuteAsync(command, NodeBundles.Operator);
        Assert.True(result.TryGet(out AdapterVersionStatus? status, out GridError? error), error?.Message);
        return status;
    }

    private async Task<IReadOnlyList<AdapterVersionStatus>> VersionsAsync()
    {
        Assert.True((await _node.Rollouts.ListVersionsAsync()).TryGet(out IReadOnlyList<AdapterVersionStatus>? versions, out _));
        return versions;
    }

    private async Task<IReadOnlyList<ModelDescription>> ModelsAsync()
    {
        Assert.True((await _node.ListModelsAsync()).TryGet(out IReadOnlyList<ModelDescription>? models, out _));
        return models;
    }

    public sealed class Bundles : IDisposable
    {
        internal NodeBundles Made { get; } = NodeBundles.OfPack(Packs.Qwen2);

        public void Dispose() => Made.Dispose();
    }
}
