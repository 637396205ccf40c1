using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Contracts;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Requests;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;
using MoeLora.Grid.Tests.Silos;
using Orleans.TestingHost;

namespace MoeLora.Grid.Tests.Requests;

/// <summary>What the cluster refuses before a silo's node is asked is recorded by the node of the silo that was asked, with the task where there is one.</summary>
public sealed class ClusterRefusalTests
{
    [Fact]
    public async Task Generate_WrongInItself_IsRecorded()
    {
        var board = new SiloBoard();
        board.Receive(Reported.Silo("one"));
        var node = new FakeSilo("silo-1");

        GridError error = await RefuseAsync(Over(null!, board, node), "clinic/triage", 0);

        (_, GridError recorded, string? bank, string? task) = Assert.Single(node.Refusals);
        Assert.Equal((error, GridErrorKind.InvalidRequest), (recorded, recorded.Kind));
        Assert.Equal((null, null), (bank, task));
    }

    [Fact]
    public async Task Generate_NoSiloIsReady_IsRecorded()
    {
        var node = new FakeSilo("silo-1");

        GridError error = await RefuseAsync(Over(null!, new SiloBoard(), node), "clinic/triage", 1);

        Assert.Equal((GridErrorKind.NotReady, GridErrorKind.NotReady), (error.Kind, Assert.Single(node.Refusals).Refusal.Kind));
    }

    [Fact]
    public async Task Generate_NoSiloIsEligible_IsRecordedWithItsTask()
    {
        await using ProbeCluster cluster = await ProbeCluster.StartAsync(1);
        await cluster.MeetAsync();
        InProcessSiloHandle silo = cluster.Silos[0];
        FakeSilo node = cluster.Node(silo);
        node.Reports = [Reported.Bank("clinic", "version 3 has another shape")];
        await cluster.AnnounceAsync(silo);

        GridError error = await RefuseAsync(Over(cluster.Client, cluster.Board(silo), node), "clinic/triage", 1);

        Assert.Equal(GridErrorKind.Unavailable, error.Kind);
        Assert.Equal((error, "clinic", "triage"), Assert.Single(node.Refusals) is var (_, recorded, bank, task) ? (recorded, bank, task) : default);
    }

    private static ClusterGrid Over(IGrainFactory grains, SiloBoard board, ISiloNode node) => new(
        grains, board, new ReplicaCounts(board, new ReplicaOptions(), new PlacementOptions(), TimeProvider.System, new Random(1)),
        new ClusterRequestOptions { Patience = TimeSpan.FromTicks(1) }, TimeProvider.System, NullLogger<ClusterGrid>.Instance, node);

    private static async Task<GridError> RefuseAsync(ClusterGrid grid, string model, int maxTokens)
    {
        var request = new GenerationRequest { Model = ModelRef.Parse(model), Prompt = new TextPrompt("fever"), MaxTokens = maxTokens };
        Assert.False((await grid.GenerateAsync(request)).TryGet(out _, out GridError? error));
        return error!;
    }
}
