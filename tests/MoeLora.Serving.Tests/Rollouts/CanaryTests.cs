using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Databases;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Serving.Tests.Rollouts;

/// <summary>A version is tried on a part of the requests, or on copies of them.</summary>
public sealed class CanaryTests
{
    [Theory, OnSqlite, OnPostgreSql]
    public async Task Canary_ByTenant_GetsThatTenantsRequestsOnly(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");

        AdapterVersionStatus status = await node.DoAsync(new StartCanary("clinic", "2", new CanaryRule(0, [TenantId.Parse("ward-7")])));

        Assert.Equal((RolloutState.Canary, "ward-7"), (status.State, status.Canary!.Tenants.Single().Text));
        Assert.Equal("clinic@2", node.Answers(tenant: "ward-7"));
        Assert.Equal("clinic@1", node.Answers(tenant: "ward-8"));
        Assert.Equal("clinic@1", node.Answers("triage@1", tenant: "ward-7"));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Canary_Ended_IsVerified(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        await node.DoAsync(new StartCanary("clinic", "2", new CanaryRule(1, [])));

        Assert.Equal(RolloutState.Verified, (await node.DoAsync(new StartCanary("clinic", "2", new CanaryRule(0, [])))).State);

        Assert.Equal("clinic@1", node.Answers());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Canary_OfAnotherVersion_TakesItsPlace(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");
        await node.PublishAsync("3");
        await node.DoAsync(new StartCanary("clinic", "2", new CanaryRule(1, [])));

        await node.DoAsync(new StartCanary("clinic", "3", new CanaryRule(1, [])));

        Assert.Equal("clinic@3", node.Answers());
        Assert.Equal(RolloutState.Verified, await node.StateAsync("2"));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    public async Task Canary_ShareOutsideItsRange_IsRefused(double share)
    {
        await using TestNode node = await TestNode.StartAsync(DatabaseKind.Sqlite);
        await node.ServeAsync("1");
        await node.PublishAsync("2");

        Assert.Equal("share", (await node.RefusedAsync(new StartCanary("clinic", "2", new CanaryRule(share, [])))).Param);
        Assert.Equal("share", (await node.RefusedAsync(new StartShadow("clinic", "2", share))).Param);
        Assert.Equal(RolloutState.Published, await node.StateAsync("2"));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Shadow_Started_GetsCopiesAndCountsWhatTheyShow(DatabaseKind kind)
    {
        await using TestNode node = await TestNode.StartAsync(kind);
        await node.ServeAsync("1");
        await node.PublishAsync("2");

        await node.DoAsync(new StartShadow("clinic", "2", 1));

        RoutedRequest request = TestNode.Value(node.Admit("triage"));
        Assert.Equal(("clinic@1", "clinic@2"), (request.Pin.Version.Key.ToString(), request.ShadowPin!.Version.Key.ToString()));
        request.ShadowPin.Version.Shadow.Add(equal: true);
        request.ShadowPin.Version.Shadow.Add(equal: false);
        request.ShadowPin.Version.Shadow.Drop();
        request.Pin.Dispose();
        request.ShadowPin.Dispose();
        RoutedRequest named = TestNode.Value(node.Admit("triage@1"));
        Assert.Null(named.ShadowPin);
        named.Pin.Dispose();
        Assert.Equal(new ShadowStatus(1, 2, 1, 1), (await node.StatusAsync("2")).Shadow);
        await node.DoAsync(new StartShadow("clinic", "2", 0));
        RoutedRequest alone = TestNode.Value(node.Admit("triage"));
        Assert.Null(alone.ShadowPin);
        alone.Pin.Dispose();
    }

    [Fact]
    public async Task Shadow_OnAnotherBaseModel_IsRefused()
    {
        await using TestNode node = await TestNode.StartAsync(DatabaseKind.Sqlite);
        await node.ServeAsync("1");
        TestNode.Value(await node.Rollouts.PublishAsync(TestBundle.Make("clinic", "2", TestBundle.OtherBaseModelHash).Upload(), TestNode.Operator));

        GridError error = await node.RefusedAsync(new StartShadow("clinic", "2", 1));

        Assert.Equal(GridErrorKind.Conflict, error.Kind);
        Assert.Contains("another base model", error.Message, StringComparison.Ordinal);
        Assert.Equal(RolloutState.Published, await node.StateAsync("2"));
    }
}
