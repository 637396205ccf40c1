using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using MoeLora.Grid.Silos;
using Orleans.Configuration;

namespace MoeLora.Grid.Tests.Silos;

/// <summary>Whether a silo that stood still takes requests.</summary>
public sealed class SiloPulseTests : IAsyncDisposable
{
    private static readonly TimeSpan Probe = TimeSpan.FromSeconds(2);

    private readonly ManualClock _clock = new();
    private readonly FakeMembership _membership = new();
    private readonly SiloPulse _pulse;

    public SiloPulseTests() =>
        _pulse = new SiloPulse(_membership, new FakeDetails(), Options.Create(new ClusterMembershipOptions { ProbeTimeout = Probe }), _clock, NullLogger<SiloPulse>.Instance);

    public async ValueTask DisposeAsync() => await _pulse.StopAsync(CancellationToken.None);

    [Fact]
    public async Task IsSure_AfterAPause_IsNotUntilTheMembershipWasRead()
    {
        await StartAsync();
        Assert.True(_pulse.IsSure);

        _clock.Advance(Probe);

        Assert.False(_pulse.IsSure);
        TaskCompletionSource asked = await _membership.Asked.Task;
        Assert.False(_pulse.IsSure);
        asked.SetResult();
        await Until.TrueAsync(() => _pulse.IsSure);
    }

    [Fact]
    public async Task IsSure_WhileTheMembershipCannotBeRead_IsNotAndAsksAgain()
    {
        await StartAsync();
        _clock.Advance(Probe);
        TaskCompletionSource first = await _membership.Asked.Task;
        _membership.Asked = new TaskCompletionSource<TaskCompletionSource>();

        first.SetException(new TimeoutException());
        await Until.TrueAsync(() =>
        {
            _clock.Advance(TimeSpan.FromMilliseconds(100));
            return _membership.Asked.Task.IsCompleted;
        });

        Assert.False(_pulse.IsSure);
        (await _membership.Asked.Task).SetResult();
        await Until.TrueAsync(() => _pulse.IsSure);
    }

    [Fact]
    public async Task IsSure_WhileTheSiloRuns_AsksNobody()
    {
        await StartAsync();

        // The clock stands still until the beat has been: what is sure after half of the longest pause twice over has had one in between.
        _clock.Advance(Probe / 2);
        await Until.TrueAsync(() => _pulse.Pause == TimeSpan.Zero);
        _clock.Advance(Probe * 0.9);

        Assert.True(_pulse.IsSure);
        Assert.False(_membership.Asked.Task.IsCompleted);
    }

    [Fact]
    public async Task IsSure_OnceTheSiloIsDeclaredDead_IsNot()
    {
        await StartAsync();

        _membership.Status = SiloStatus.Dead;

        Assert.False(_pulse.IsSure);
    }

    private async Task StartAsync()
    {
        await _pulse.StartAsync(CancellationToken.None);
        await Until.TrueAsync(() => _clock.Waiting > 0);
    }

    private sealed class FakeDetails : ILocalSiloDetails
    {
        public static readonly SiloAddress Silo = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 11111), 1);

        public string Name => "s";

        public string ClusterId => "cluster";

        public string DnsHostName => "host";

        public SiloAddress SiloAddress => Silo;

        public SiloAddress GatewayAddress => Silo;
    }

    private sealed class FakeMembership : IClusterMembershipService
    {
        /// <summary>The question, which whoever asks waits for.</summary>
        public TaskCompletionSource<TaskCompletionSource> Asked { get; set; } = new();

        public SiloStatus Status { get; set; } = SiloStatus.Active;

        public ClusterMembershipSnapshot CurrentSnapshot =>
            new(ImmutableDictionary<SiloAddress, ClusterMember>.Empty.Add(FakeDetails.Silo, new ClusterMember(FakeDetails.Silo, Status, "s")), new MembershipVersion(1));

        public IAsyncEnumerable<ClusterMembershipSnapshot> MembershipUpdates => throw new NotSupportedException();

        public async ValueTask Refresh(MembershipVersion minimumVersion = default, CancellationToken cancellationToken = default)
        {
            var answer = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            Asked.SetResult(answer);
            await answer.Task.WaitAsync(cancellationToken);
        }

        public Task<bool> TryKill(SiloAddress siloAddress) => throw new NotSupportedException();
    }
}
