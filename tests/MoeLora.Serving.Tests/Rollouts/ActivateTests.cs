using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Serving.Tests.Rollouts;

/// <summary>A version takes all new requests of its bank, or fails and changes nothing.</summary>
public sealed class ActivateTests
{
    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_FirstVersion_AnswersNewRequests(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");

        Assert.Equal(RolloutState.Active, (await node.ActivateAsync("1")).State);

        Assert.All(["triage", "clinic/triage", "triage@1", "clinic/coding@1", "1", "clinic/2"], model => Assert.Equal("clinic@1", node.Answers(model)));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_NextVersion_TakesNewRequestsWhileTheOldFinishesItsOwn(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        using VersionPin old = node.Begin();

        await node.ServeAsync("2");

        Assert.Equal("clinic@2", node.Answers());
        Assert.Equal("clinic@1", old.Version.Key.ToString());
        Assert.Equal(1, (await node.StatusAsync("1")).RunningSequences);
        Assert.Equal(RolloutState.Verified, await node.StateAsync("1")); // kept for a rollback
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_ThirdVersion_TakesTheFirstOutOfMemory(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.ServeAsync("2");
        VersionPin old = node.Begin("triage@1");

        await node.ServeAsync("3");

        Assert.Equal(RolloutState.Draining, await node.StateAsync("1"));
        Assert.True(node.Host.Memory.ContainsKey("clinic@1"));
        Assert.Contains("is draining and cannot answer; these versions can answer: 2, 3", node.Answers("triage@1"), StringComparison.Ordinal);
        old.Dispose();
        await node.UntilAsync("1", RolloutState.Retired);
        Assert.Equal(["clinic@2", "clinic@3"], node.Host.Memory.Keys.Order());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_WithoutKeeping_DrainsTheVersionBefore(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind, new RolloutOptions { KeepPrevious = false });
        await node.ServeAsync("1");

        await node.ServeAsync("2");

        await node.UntilAsync("1", RolloutState.Retired);
        Assert.Equal(["clinic@2"], node.Host.Memory.Keys);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_WhenTheProofFails_LeavesTheActiveVersion(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        node.Host.Refused["clinic@2"] = "its checks differ.";

        GridError error = await node.RefusedAsync(new ActivateVersion("clinic", "2"));

        Assert.Contains("its checks differ.", error.Message, StringComparison.Ordinal);
        AdapterVersionStatus failed = await node.StatusAsync("2");
        Assert.Equal((RolloutState.Failed, "its checks differ."), (failed.State, failed.Problem));
        Assert.Equal("clinic@1", node.Answers());
        Assert.Equal(["clinic@1"], node.Host.Memory.Keys);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_WhenTheHostThrows_FailsWithoutItsMessage(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");
        node.Host.Thrown["clinic@1"] = new InvalidOperationException("/secret/path");

        GridError error = await node.RefusedAsync(new ActivateVersion("clinic", "1"));

        Assert.Contains("InvalidOperationException", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("/secret", error.Message + (await node.StatusAsync("1")).Problem, StringComparison.Ordinal);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_FailedVersionAfterItsCauseIsMended_Serves(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");
        node.Host.Refused["clinic@1"] = "no memory is left.";
        await node.RefusedAsync(new ActivateVersion("clinic", "1"));
        node.Host.Refused.Clear();

        AdapterVersionStatus status = await node.ActivateAsync("1");

        Assert.Equal((RolloutState.Active, null), (status.State, status.Problem));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_BundleDamagedInTheStore_FailsAndNamesNoPath(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        AdapterVersionStatus status = await node.PublishAsync("1");
        File.WriteAllBytes(Path.Combine(node.StoreDirectory, status.BundleHash.Replace(':', '-'), "adapter_model.safetensors"), new byte[256]);

        GridError error = await node.RefusedAsync(new ActivateVersion("clinic", "1"));

        Assert.Contains("changed or damaged", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(node.StoreDirectory, error.Message, StringComparison.Ordinal);
        await node.PublishAsync("1"); // puts the whole bundle in its place
        Assert.Equal(RolloutState.Active, (await node.ActivateAsync("1")).State);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Activate_GivenUpWhileItLoads_IsPublishedAgain(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        node.Host.Hold("clinic@2");
        using var giveUp = new CancellationTokenSource();
        Task<GridResult<AdapterVersionStatus>> activation = node.Rollouts.ExecuteAsync(new ActivateVersion("clinic", "2"), TestNode.Operator, giveUp.Token).AsTask();
        await node.Host.ArrivalAsync("clinic@2");
        Assert.Equal(RolloutState.Loading, await node.StateAsync("2"));
        Assert.Equal("clinic@1", node.Answers());

        await giveUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => activation);
        Assert.Equal(RolloutState.Published, await node.StateAsync("2"));
        Assert.Equal("clinic@1", node.Answers());
    }
}
