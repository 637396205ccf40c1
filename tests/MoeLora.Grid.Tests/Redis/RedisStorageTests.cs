using System.Text;
using MoeLora.Grid.Messages;
using Orleans.Storage;
using StackExchange.Redis;

namespace MoeLora.Grid.Tests.Redis;

/// <summary>States of grains in a Redis that all silos share.</summary>
public sealed class RedisStorageTests : IDisposable
{
    private const string State = "state";
    private static readonly GrainId Grain = GrainId.Create("gate", "clinic");

    private readonly string _redis = RedisServer.NewDatabase();
    private readonly List<RedisSilo> _silos = [];

    public void Dispose() => _silos.ForEach(silo => silo.Dispose());

    [RedisFact]
    public async Task Read_AfterTheSiloThatWroteIsGone_IsWhatItWrote()
    {
        GrainState<BankMessage> written = NewState(3);
        using (var first = new RedisSilo(_redis))
            await (await first.StorageAsync()).WriteStateAsync(State, Grain, written);

        var read = new GrainState<BankMessage>();
        await (await OpenAsync()).ReadStateAsync(State, Grain, read);

        Assert.True(read.RecordExists);
        Assert.Equal((3, written.ETag), (read.State!.Revision, read.ETag));
    }

    [RedisFact]
    public async Task Write_AfterAnotherActivationWrote_IsRefusedAndChangesNothing()
    {
        (IGrainStorage one, IGrainStorage other) = (await OpenAsync(), await OpenAsync());
        GrainState<BankMessage> first = NewState(1);
        await one.WriteStateAsync(State, Grain, first);
        var second = new GrainState<BankMessage>();
        await other.ReadStateAsync(State, Grain, second);
        first.State = Bank(2);
        await one.WriteStateAsync(State, Grain, first);

        second.State = Bank(9);
        await Assert.ThrowsAsync<InconsistentStateException>(() => other.WriteStateAsync(State, Grain, second));

        await other.ReadStateAsync(State, Grain, second);
        Assert.Equal(2, second.State!.Revision);
    }

    [RedisFact]
    public async Task Write_TwoActivationsThatFoundNothing_OneIsRefused()
    {
        (IGrainStorage one, IGrainStorage other) = (await OpenAsync(), await OpenAsync());
        await one.WriteStateAsync(State, Grain, NewState(1));

        await Assert.ThrowsAsync<InconsistentStateException>(() => other.WriteStateAsync(State, Grain, NewState(2)));
    }

    [RedisFact]
    public async Task Write_OnAStateThatWasClearedAndWrittenAnew_IsRefused()
    {
        (IGrainStorage one, IGrainStorage other) = (await OpenAsync(), await OpenAsync());
        GrainState<BankMessage> state = NewState(1);
        await one.WriteStateAsync(State, Grain, state);
        var old = new GrainState<BankMessage>();
        await other.ReadStateAsync(State, Grain, old);
        await one.ClearStateAsync(State, Grain, state);
        state.State = Bank(1);
        await one.WriteStateAsync(State, Grain, state);

        await Assert.ThrowsAsync<InconsistentStateException>(() => other.WriteStateAsync(State, Grain, old));
    }

    [RedisFact]
    public async Task Write_Always_StoresNoNameOfAType()
    {
        await (await OpenAsync()).WriteStateAsync(State, Grain, NewState(1));

        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(_redis);
        RedisKey key = Assert.Single(connection.GetServers()[0].Keys(connection.GetDatabase().Database).ToArray());
        byte[] stored = (byte[])(await connection.GetDatabase().HashGetAsync(key, "data"))!;
        Assert.Contains("clinic", Encoding.UTF8.GetString(stored), StringComparison.Ordinal);
        Assert.DoesNotContain(nameof(MoeLora), Encoding.UTF8.GetString(stored), StringComparison.Ordinal);
    }

    private Task<IGrainStorage> OpenAsync()
    {
        var silo = new RedisSilo(_redis);
        _silos.Add(silo);
        return silo.StorageAsync();
    }

    private static GrainState<BankMessage> NewState(long revision) => new(Bank(revision));

    private static BankMessage Bank(long revision) => new() { Bank = "clinic", Revision = revision };
}
