using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Tests.Fakes;

namespace MoeLora.Gateway.Tests;

public sealed class DenialTests
{
    private readonly ManualTime _time = new();
    private readonly FakeTrail _trail = new();

    private DenialLog Log => field ??= new DenialLog(new GatewayParts { Grid = new FakeGrid(), Audit = _trail, Time = _time }, NullLogger<DenialLog>.Instance);

    [Fact]
    public async Task Denials_OverHttp_SayWhoWhereAndWhy()
    {
        var everything = new Everything();
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(everything.Parts);

        await host.Client.SendAsync(Everything.Request(HttpMethod.Get, "/v1/models", null));
        await host.Client.SendAsync(Everything.Request(HttpMethod.Get, "/v1/models", "secret-4711"));
        await host.Admin.SendAsync(Everything.Request(HttpMethod.Get, "/admin/v1/audit", "operator"));
        await host.DisposeAsync();

        Assert.Equal(
            [("no_key", null, "127.0.0.1"), ("invalid_key", null, "127.0.0.1"), ("missing_role", "key-operator", "127.0.0.1")],
            everything.Trail.Entries.Select(entry => (entry.Detail, entry.Subject, entry.Target)));
        Assert.All(everything.Trail.Entries, entry => Assert.Equal((AuditAction.Access, false), (entry.Action, entry.Succeeded)));
        Assert.DoesNotContain("4711", host.Log.Text);
    }

    [Fact]
    public async Task Denials_OfOneNetworkInAMinute_AreTwoRecords()
    {
        for (int i = 1; i <= 1000; i++)
            Log.Record(null, IPAddress.Parse($"2001:db8::{i:x}"), "invalid_key");
        _time.Advance(TimeSpan.FromMinutes(1));
        Log.Record(null, IPAddress.Parse("2001:db8::5"), "invalid_key");
        await Log.DisposeAsync();

        Assert.Equal([("2001:db8::/64", 1), ("2001:db8::/64", 999), ("2001:db8::/64", 1)], _trail.Entries.Select(entry => (entry.Target, entry.Count)));
    }

    [Fact]
    public async Task Denials_OfManyNetworksInAMinute_AreBounded()
    {
        for (int i = 0; i < 100_000; i++)
            Log.Record(null, new IPAddress([10, (byte)(i >> 16), (byte)(i >> 8), (byte)i]), "invalid_key");
        await Log.DisposeAsync();

        Assert.Equal(DenialLog.MaxKeys + 1, _trail.Entries.Count);
        Assert.Equal(("others", 100_000 - DenialLog.MaxKeys), (_trail.Entries[^1].Target, _trail.Entries[^1].Count));
    }

    [Fact]
    public async Task Denials_OfSubjectsAndReasons_AreToldApart()
    {
        var first = new Caller(FakeDirectory.Ward, "key-1", Roles.Inference);
        foreach (int _ in Enumerable.Range(0, 3))
        {
            Log.Record(first, IPAddress.Loopback, "missing_role");
            Log.Record(first with { Subject = "key-2" }, IPAddress.Loopback, "missing_role");
            Log.Record(null, IPAddress.Loopback, "no_key");
        }

        await Log.DisposeAsync();

        Assert.Equal(6, _trail.Entries.Count);
        Assert.Equal(9, _trail.Entries.Sum(entry => entry.Count));
        Assert.Equal(FakeDirectory.Ward, _trail.Entries[0].Tenant);
    }

    [Fact]
    public async Task Trail_ThatCannotBeWritten_LetsNobodyIn()
    {
        var everything = new Everything();
        everything.Trail.Broken = true;
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(everything.Parts);

        HttpResponseMessage response = await host.Client.SendAsync(Everything.Request(HttpMethod.Get, "/v1/models", "wrong"));

        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        await host.DisposeAsync();
        Assert.Contains(nameof(AuditUnavailableException), host.Log.Text);
    }
}
