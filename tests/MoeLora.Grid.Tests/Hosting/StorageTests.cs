using Microsoft.Extensions.DependencyInjection;
using MoeLora.Grid.Hosting.Storage;
using MoeLora.Grid.Messages;
using MoeLora.Serving.Tests;
using MoeLora.Serving.Tests.Databases;
using Orleans.Serialization;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace MoeLora.Grid.Tests.Hosting;

/// <summary>States of grains in a database that all silos share.</summary>
public sealed class StorageTests : IDisposable
{
    private const string State = "state";
    private static readonly GrainId Grain = GrainId.Create("gate", "clinic");

    private readonly TemporaryDirectory _directory = new();
    private readonly List<ClusterDatabase> _databases = [];
    private readonly ServiceProvider _services = new ServiceCollection().AddSerializer(serializer => serializer.AddAssembly(typeof(ClusterDatabase).Assembly)).BuildServiceProvider();

    public void Dispose()
    {
        _databases.ForEach(database => database.Dispose());
        _services.Dispose();
        _directory.Dispose();
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Read_WhatAnotherSiloWrote_IsThat(DatabaseKind kind)
    {
        (DatabaseGrainStorage one, DatabaseGrainStorage other) = Two(kind);
        GrainState<BankMessage> written = NewState(3);

        await one.WriteStateAsync(State, Grain, written);
        var read = new GrainState<BankMessage>();
        await other.ReadStateAsync(State, Grain, read);

        Assert.True(read.RecordExists);
        Assert.Equal((3, written.ETag), (read.State!.Revision, read.ETag));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Write_AfterAnotherActivationWrote_IsRefusedAndChangesNothing(DatabaseKind kind)
    {
        (DatabaseGrainStorage one, DatabaseGrainStorage other) = Two(kind);
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

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Write_TwoActivationsThatFoundNothing_OneIsRefused(DatabaseKind kind)
    {
        (DatabaseGrainStorage one, DatabaseGrainStorage other) = Two(kind);
        await one.WriteStateAsync(State, Grain, NewState(1));

        await Assert.ThrowsAsync<InconsistentStateException>(() => other.WriteStateAsync(State, Grain, NewState(2)));
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Write_ManyAtOnceOnOneETag_OneCounts(DatabaseKind kind)
    {
        (DatabaseGrainStorage one, DatabaseGrainStorage other) = Two(kind);
        GrainState<BankMessage> state = NewState(1);
        await one.WriteStateAsync(State, Grain, state);

        bool[] succeeded = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            try
            {
                await (i % 2 == 0 ? one : other).WriteStateAsync(State, Grain, new GrainState<BankMessage>(Bank(10 + i), state.ETag) { RecordExists = true });
                return true;
            }
            catch (InconsistentStateException)
            {
                return false;
            }
        }));

        Assert.Single(succeeded, true);
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Write_OnAStateThatWasClearedAndWrittenAnew_IsRefused(DatabaseKind kind)
    {
        (DatabaseGrainStorage one, DatabaseGrainStorage other) = Two(kind);
        GrainState<BankMessage> state = NewState(1);
        await one.WriteStateAsync(State, Grain, state);
        var old = new GrainState<BankMessage>();
        await other.ReadStateAsync(State, Grain, old);
        await one.ClearStateAsync(State, Grain, state);
        await one.WriteStateAsync(State, Grain, NewState(1));

        await Assert.ThrowsAsync<InconsistentStateException>(() => other.WriteStateAsync(State, Grain, old));
    }

    private (DatabaseGrainStorage One, DatabaseGrainStorage Other) Two(DatabaseKind kind)
    {
        string database = Databases.New(kind, _directory);
        return (Open(database), Open(database));
    }

    private DatabaseGrainStorage Open(string connection)
    {
        var database = new ClusterDatabase(connection);
        _databases.Add(database);
        return new DatabaseGrainStorage(database, "service", new OrleansGrainStorageSerializer(_services.GetRequiredService<Serializer>()), _services.GetRequiredService<IActivatorProvider>());
    }

    private static GrainState<BankMessage> NewState(long revision) => new(Bank(revision));

    private static BankMessage Bank(long revision) => new() { Bank = "clinic", Revision = revision };
}
