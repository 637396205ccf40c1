using MoeLora.Serving.Rollouts;
using MoeLora.Serving.Tests.Registry;

namespace MoeLora.Serving.Tests.Rollouts;

public sealed class ServedVersionTests
{
    private readonly ServedVersion _version = new(TestBundle.Make("clinic", "1").Manifest, new FakeVersion(new FakeHost(), "clinic@1"));

    [Fact]
    public async Task Close_WithoutPins_IsIdleAtOnce() => await _version.Close().WaitAsync(TimeSpan.FromMinutes(5));

    [Fact]
    public void Close_WithPins_IsIdleWhenTheLastIsBack()
    {
        Assert.True(_version.TryPin(out VersionPin? first));
        Assert.True(_version.TryPin(out VersionPin? second));
        Task idle = _version.Close();

        first.Dispose();
        first.Dispose(); // a second time does not count
        Assert.Equal(1, _version.Pins);
        Assert.False(idle.IsCompleted);

        second.Dispose();
        Assert.True(idle.IsCompleted);
    }

    [Fact]
    public void TryPin_Closed_IsRefused()
    {
        _ = _version.Close();

        Assert.False(_version.TryPin(out _));
        Assert.Equal(0, _version.Pins);
    }

    [Fact]
    public void Reopen_AfterClose_TakesPinsAgainAndClosesAnew()
    {
        _ = _version.Close();
        _version.Reopen();

        Assert.True(_version.TryPin(out VersionPin? pin));
        Task idle = _version.Close();
        Assert.False(idle.IsCompleted);
        pin.Dispose();
        Assert.True(idle.IsCompleted);
    }

    [Fact]
    public async Task Close_WhileManyPin_IsNeverIdleWithAPinOut()
    {
        for (int round = 0; round < 10; round++)
        {
            var version = new ServedVersion(TestBundle.Make("clinic", "1").Manifest, new FakeVersion(new FakeHost(), "clinic@1"));
            bool freed = false;
            using var start = new Barrier(3);
            Task<int>[] requests = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
            {
                start.SignalAndWait();
                int wrong = 0;
                while (version.TryPin(out VersionPin? pin))
                {
                    if (Volatile.Read(ref freed))
                        wrong++;
                    pin.Dispose();
                }

                return wrong;
            }))];
            start.SignalAndWait();
            await version.Close().WaitAsync(TimeSpan.FromMinutes(5));
            Volatile.Write(ref freed, true);

            Assert.All(await Task.WhenAll(requests), wrong => Assert.Equal(0, wrong));
            Assert.Equal(0, version.Pins);
        }
    }
}
