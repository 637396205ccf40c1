using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Serving.Tests.Databases;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Serving.Tests.Rollouts;

/// <summary>Bundles become versions of their banks, and versions are loaded; the banks of a node are apart.</summary>
public sealed class PublishTests
{
    [Theory, OnSqlite, OnPostgreSql]
    public async Task Publish_NewBundle_IsAPublishedVersionOfItsBank(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);

        AdapterVersionStatus status = await node.PublishAsync("1");

        TestBundle bundle = TestBundle.Make("clinic", "1");
        Assert.Equal(("clinic", "1", bundle.Hash.ToString(), RolloutState.Published), (status.Bank, status.Version, status.BundleHash, status.State));
        Assert.Equal("sha256:" + TestBundle.BaseModelHash, status.BaseModelHash);
        Assert.Equal(["1 triage", "2 coding"], status.Tasks.Select(task => $"{task.Key} {task.Value}"));
        Assert.Equal(["1: - → Published (operator-1)"], await node.LogAsync());
        Assert.Empty(node.Host.Loads);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Publish_SameBundleAgain_ChangesNothing(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        string[] log = await node.LogAsync();

        AdapterVersionStatus status = await node.PublishAsync("1");

        Assert.Equal(RolloutState.Active, status.State);
        Assert.Equal(log, await node.LogAsync());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Publish_AnotherBundleOfAVersion_IsAConflict(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");
        TestBundle other = TestBundle.Make("clinic", "1", seed: 7);

        GridError error = TestNode.Error(await node.Rollouts.PublishAsync(other.Upload(), TestNode.Operator));

        Assert.Equal(GridErrorKind.Conflict, error.Kind);
        Assert.DoesNotContain(Directory.EnumerateDirectories(node.StoreDirectory), path => path.EndsWith(other.Hash.ToString()[7..], StringComparison.Ordinal));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Publish_ForAnotherBaseModel_IsRefusedAndNotKept(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);

        GridError error = TestNode.Error(await node.Rollouts.PublishAsync(TestBundle.Make("clinic", "1", new string('b', 64)).Upload(), TestNode.Operator));

        Assert.Equal(GridErrorKind.InvalidRequest, error.Kind);
        Assert.Contains("small (sha256:aaaa", error.Message, StringComparison.Ordinal);
        Assert.Equal(["incoming"], Directory.EnumerateDirectories(node.StoreDirectory).Select(Path.GetFileName));
        Assert.Empty(TestNode.Value(await node.Rollouts.ListVersionsAsync()));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Load_PublishedVersion_IsVerifiedAndAnswersOnlyByName(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");

        Assert.Equal(RolloutState.Verified, (await node.DoAsync(new LoadVersion("clinic", "1"))).State);

        Assert.Equal("clinic@1", node.Answers("triage@1"));
        Assert.Contains("No version of the bank 'clinic' is active", node.Answers("triage"), StringComparison.Ordinal);
        Assert.Equal(["1: - → Published (operator-1)", "1: Published → Loading (operator-1)", "1: Loading → Verified (node)"], await node.LogAsync());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Commands_OnUnknownNames_AreNotFound(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.PublishAsync("1");

        Assert.Equal(GridErrorKind.NotFound, (await node.RefusedAsync(new ActivateVersion("clinic", "9"))).Kind);
        Assert.Equal(GridErrorKind.NotFound, (await node.RefusedAsync(new ActivateVersion("ward", "1"))).Kind);
        Assert.Equal(GridErrorKind.NotFound, (await node.RefusedAsync(new RollBack("../clinic"))).Kind);
        Assert.Equal(GridErrorKind.NotFound, TestNode.Error(await node.Rollouts.HistoryAsync("ward", 10)).Kind);
        Assert.Equal(GridErrorKind.InvalidRequest, TestNode.Error(await node.Rollouts.HistoryAsync("clinic", 0)).Kind);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Banks_OnOneNode_AreRolledOutApart(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("1", "radiology", "report", "triage");
        await node.DoAsync(new ActivateVersion("radiology", "1"));
        TaskCompletionSource slow = node.Host.Hold("clinic@2");
        await node.PublishAsync("2");
        Task<AdapterVersionStatus> activation = node.ActivateAsync("2");
        await node.Host.ArrivalAsync("clinic@2");

        await node.PublishAsync("2", "radiology", "report");
        await node.DoAsync(new ActivateVersion("radiology", "2")); // does not wait for the other bank

        Assert.Equal("radiology@2", node.Answers("report"));
        Assert.Equal("clinic@1", node.Answers("triage")); // of one bank only, since radiology@2 has no such task
        slow.SetResult();
        await activation;
        Assert.Equal("clinic@2", node.Answers("triage"));
    }
}
