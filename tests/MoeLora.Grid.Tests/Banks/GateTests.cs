using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Grid.Tests.Banks;

public sealed class GateTests(BankCluster cluster) : IClassFixture<BankCluster>
{
    [Fact]
    public async Task Activate_PublishedOnOneSilo_AnswersOnAll()
    {
        await cluster.PublishAsync("all", "1", silo: 0);

        AdapterVersionStatus active = await cluster.DoAsync(new ActivateVersion("all", "1"), silo: 2);

        Assert.Equal((RolloutState.Active, TestBundle.Make("all", "1").Hash.ToString()), (active.State, active.BundleHash));
        Assert.All(cluster.Nodes, node => Assert.Equal("all@1", node.Answers("all/triage")));
        Assert.All(cluster.Silos, silo => Assert.True(cluster.Follower(silo).Follows("all")));
    }
}
