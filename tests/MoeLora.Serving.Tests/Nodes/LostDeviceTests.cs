using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Engine.Tests.Batching;
using MoeLora.Serving.Nodes;
using MoeLora.Serving.State;
using MoeLora.Serving.Tenants;
using MoeLora.Tensors;

namespace MoeLora.Serving.Tests.Nodes;

/// <summary>A node on a device of its own memory, which runs out of it or is lost.</summary>
public sealed class LostDeviceTests : IAsyncLifetime
{
    private const int Tokens = 6;
    private const long Giga = 1L << 30;

    private static readonly FragileDevice[] Opened = [null!];

    private readonly NodeBundles _bundles = NodeBundles.OfPack(Packs.Qwen2);
    private readonly string _state = Directory.CreateTempSubdirectory("moelora-lost-").FullName;
    private StateDatabase _database = null!;
    private NodeGrid _node = null!;

    public async Task InitializeAsync()
    {
        DeviceKinds.Add("fragile", _ =>
        {
            Opened[0] = new FragileDevice();
            Opened[0].Own(3 * Giga);
            return Opened[0];
        });
        _database = StateDatabase.Sqlite(Path.Combine(_state, "state.db"));
        NodeOptions options = _bundles.Options(_state);
        _node = NodeGrid.Open(options with { Bases = [options.Bases[0] with { Device = "fragile:1" }] }, _database, null, NullLoggerFactory.Instance, TimeProvider.System);
        await _node.StartAsync();
        await using MemoryStream archive = await NodeBundles.PackAsync(_bundles.Make("1", 1));
        Assert.True((await _node.Rollouts.PublishAsync(archive, NodeBundles.Operator)).TryGet(out _, out GridError? error), error?.Message);
        Assert.True((await _node.Rollouts.ExecuteAsync(new ActivateVersion("bank", "1"), NodeBundles.Operator)).TryGet(out _, out error), error?.Message);
    }

    public async Task DisposeAsync()
    {
        await _node.DisposeAsync();
        _database.Dispose();
        _bundles.Dispose();
        Directory.Delete(_state, recursive: true);
    }

    [Fact]
    public async Task Memory_RunsOut_TheRequestIsToldToTryAgainAndTheNextIsAnswered()
    {
        CollectedAnswer before = await _node.AnswerAsync(Request());
        Opened[0].LackMemory(passes: 1);

        CollectedAnswer failed = await _node.AnswerAsync(Request());
        CollectedAnswer after = await _node.AnswerAsync(Request());

        GridError error = Assert.IsType<GenerationFailed>(failed.Last).Error;
        Assert.Equal(GridErrorKind.Unavailable, error.Kind);
        Assert.Contains("out of memory", error.Message);
        Assert.Equal(before.Ids, after.Ids);
        Assert.True(_node.Status.IsReady);
    }

    [Fact]
    public async Task Device_IsLost_ItsAnswersEndAndTheNodeHasFailed()
    {
        await _node.AnswerAsync(Request());
        Opened[0].Lose();

        CollectedAnswer lost = await _node.AnswerAsync(Request());
        GridError refused = await _node.RefusalAsync(Request());

        Assert.Equal(GridErrorKind.Unavailable, Assert.IsType<GenerationFailed>(lost.Last).Error.Kind);
        Assert.Equal((GridPhase.Failed, "fragile:0 does not compute any more: unspecified launch failure"), (_node.Status.Phase, _node.Status.Detail));
        Assert.Equal((GridErrorKind.NotReady, _node.Status.Detail), (refused.Kind, refused.Message));
        Assert.Equal(_node.Status.Detail, (await EngineAsync()).Fault);
    }

    [Fact]
    public async Task Overview_OfADeviceWithMemoryOfItsOwn_CountsThatAndNotTheProcesss()
    {
        EngineOverview engine = await EngineAsync();
        var overview = new NodeOverviewSource(_node, new TenantLimiter(TimeProvider.System), "n1", TimeProvider.System);
        Assert.True((await overview.ListSilosAsync()).TryGet(out IReadOnlyList<SiloOverview>? silos, out _));

        Assert.Equal(("fragile", "fragile:1", 3 * Giga), (engine.DeviceKind, engine.DeviceId, engine.DeviceMemoryBytes));
        Assert.Equal(("fragile", 3 * Giga, 3 * Giga - engine.WeightBytes - engine.KvBytes), (silos[0].DeviceKind, silos[0].MemoryBytes, silos[0].FreeBytes));
        // Keys and values take a quarter of the device's memory at most.
        Assert.InRange(engine.KvBytes, 1, 3 * Giga / 4);
    }

    private static GenerationRequest Request() => Answers.Request("1", Packs.Prompt(Packs.Qwen2), Tokens);

    private async Task<EngineOverview> EngineAsync()
    {
        var overview = new NodeOverviewSource(_node, new TenantLimiter(TimeProvider.System), "n1", TimeProvider.System);
        Assert.True((await overview.DescribeAsync()).TryGet(out GridOverview? described, out _));
        return Assert.Single(Assert.Single(described.Nodes).Engines);
    }
}
