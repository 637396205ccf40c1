using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;
using MoeLora.Serving.Tests;
using MoeLora.Serving.Tests.Registry;
using Orleans.Configuration;
using Orleans.Runtime.Hosting;
using Orleans.Storage;
using Orleans.TestingHost;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>Silos in this process, each with a <see cref="BankNode"/>, on one <see cref="SharedStorage"/>.</summary>
public sealed class BankCluster : IAsyncLifetime
{
    internal static readonly Caller Operator = new(TenantId.Local, "operator-1", Roles.Operator);

    // It only ends a test that has failed anyway: far above what a busy machine needs.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private readonly TemporaryDirectory _directory = new();
    private readonly ConcurrentDictionary<string, BankNode> _nodes = new(StringComparer.Ordinal);
    private InProcessTestCluster _cluster = null!;

    internal SharedStorage Storage { get; init; } = new();

    internal short SiloCount { get; init; } = 3;

    /// <summary>A folder that all silos see; null for none.</summary>
    internal string? SharedFolder { get; init; }

    /// <summary>What else a silo needs.</summary>
    internal Action<ISiloBuilder> Configure { get; set; } = _ => { };

    /// <summary>What is done with a new silo's node before it starts.</summary>
    internal Action<BankNode> Prepare { get; set; } = _ => { };

    internal IReadOnlyList<InProcessSiloHandle> Silos => _cluster.Silos;

    internal IEnumerable<BankNode> Nodes => _cluster.Silos.Select(Node);

    internal string Directory => _directory.Path;

    public async Task InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(SiloCount);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((options, silo) =>
        {
            var node = new BankNode(options.SiloName, _directory[options.SiloName]);
            _nodes[options.SiloName] = node;
            Prepare(node);
            silo.AddSiloBoard(node);
            silo.Services.AddBanks();
            silo.Services.Configure<BundleSharingOptions>(sharing => sharing.SharedFolder = SharedFolder);
            silo.Services.AddGrainStorage(GateGrain.Storage, (services, _) =>
            {
                Storage.Serializer = services.GetRequiredService<IGrainStorageSerializer>();
                return Storage;
            });
            // On a busy machine reports come late; that is not what these tests are about.
            silo.Configure<PlacementOptions>(placement => placement.SilentAfter = TimeSpan.FromMinutes(10));
            silo.Configure<ClusterMembershipOptions>(membership =>
            {
                membership.ProbeTimeout = TimeSpan.FromMilliseconds(500);
                membership.NumMissedProbesLimit = 3;
                membership.NumVotesForDeathDeclaration = 1;
                membership.EnableIndirectProbes = false;
            });
            Configure(silo);
            node.StartAsync().GetAwaiter().GetResult();
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        foreach (BankNode node in _nodes.Values)
            await node.DisposeAsync();
        _directory.Dispose();
    }

    internal BankNode Node(InProcessSiloHandle silo) => (BankNode)silo.ServiceProvider.GetRequiredService<ISiloNode>();

    internal ClusterRollouts Rollouts(int silo) => _cluster.Silos[silo].ServiceProvider.GetRequiredService<ClusterRollouts>();

    internal BankFollower Follower(InProcessSiloHandle silo) => silo.ServiceProvider.GetRequiredService<BankFollower>();

    internal IGateGrain Gate(string bank) => _cluster.Client.GetGrain<IGateGrain>(bank);

    /// <summary>The silo that the gate of a bank lives on.</summary>
    internal InProcessSiloHandle SiloOf(string bank)
    {
        Assert.True(_cluster.TryGetGrainContext(Gate(bank).GetGrainId(), out IGrainContext? context));
        return _cluster.Silos.Single(silo => silo.SiloAddress.Equals(context.Address.SiloAddress));
    }

    internal async Task<InProcessSiloHandle> JoinAsync() => await _cluster.StartAdditionalSiloAsync();

    internal ITaskGrain TaskOf(string key, InProcessSiloHandle? from = null) =>
        (from ?? _cluster.Silos[0]).ServiceProvider.GetRequiredService<IGrainFactory>().GetGrain<ITaskGrain>(key);

    /// <summary>The parts of a task grain's answer to a request without a version.</summary>
    internal IAsyncEnumerable<AnswerPart> BeginAsync(TaskKey key, InProcessSiloHandle? from = null) => TaskOf(key.ToString(), from).GenerateAsync(RequestMessage.Of(
        new GenerationRequest { Model = ModelRef.Parse($"{key.Bank}/{key.Task}"), Prompt = new TokenPrompt([1]), MaxTokens = 1, ReturnTokenIds = true }));

    /// <summary>Asks a task grain without a version.</summary>
    /// <param name="key">Which.</param>
    /// <param name="from">The silo that asks; null for the first.</param>
    /// <returns>The node and the version that answered, as <c>node:version</c>; or why none did.</returns>
    internal async Task<string> AskAsync(TaskKey key, InProcessSiloHandle? from = null)
    {
        await foreach (AnswerPart part in BeginAsync(key, from))
        {
            if (part.Kind == AnswerPartKind.Refused)
                return ((ErrorMessage)part.Detail!).ToError().Kind.ToString();
            if (part.Kind == AnswerPartKind.Started)
                return $"{((StartedMessage)part.Detail!).Provenance.Node}:{((StartedMessage)part.Detail!).Provenance.Version}";
        }

        return "";
    }

    /// <summary>Asks until a silo takes the request: one that stood still, as on a busy machine, refuses at first.</summary>
    internal async Task<string> AnswerAsync(TaskKey key, InProcessSiloHandle? from = null)
    {
        string answer = "";
        await UntilAsync(async () => (answer = await AskAsync(key, from)) != nameof(GridErrorKind.NotReady));
        return answer;
    }

    /// <summary>Stops a silo as it stops itself: its task grains move first.</summary>
    internal Task StopAsync(InProcessSiloHandle silo) => _cluster.StopSiloAsync(silo);

    internal Task KillAsync(InProcessSiloHandle silo) => _cluster.KillSiloAsync(silo);

    internal async Task<AdapterVersionStatus> PublishAsync(string bank, string version, int silo = 0) =>
        Value(await Rollouts(silo).PublishAsync(TestBundle.Make(bank, version).Upload(), Operator));

    internal async Task<AdapterVersionStatus> DoAsync(RolloutCommand command, int silo = 1) => Value(await Rollouts(silo).ExecuteAsync(command, Operator));

    internal async Task<GridError> RefusedAsync(RolloutCommand command, int silo = 1) => Error(await Rollouts(silo).ExecuteAsync(command, Operator));

    /// <summary>Publishes on one silo and activates by another.</summary>
    internal async Task ServeAsync(string bank, string version)
    {
        await PublishAsync(bank, version);
        await DoAsync(new ActivateVersion(bank, version));
    }

    internal async Task<RolloutState?> StateAsync(string bank, string version) =>
        Value(await Rollouts(0).ListVersionsAsync()).SingleOrDefault(status => status.Bank == bank && status.Version == version)?.State;

    /// <summary>Waits for what the grid does by itself.</summary>
    internal static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (!await condition())
            await Task.Delay(10, limit.Token);
    }

    internal static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    /// <summary>Starts a cluster of a test's own; dispose of it by <see cref="DisposeAsync"/>.</summary>
    internal static async Task<BankCluster> StartAsync(string? sharedFolder = null)
    {
        var cluster = new BankCluster { SharedFolder = sharedFolder };
        await cluster.InitializeAsync();
        return cluster;
    }

    internal static T Value<T>(GridResult<T> result)
        where T : class
    {
        Assert.True(result.TryGet(out T? value, out GridError? error), error?.ToString());
        return value;
    }

    internal static GridError Error<T>(GridResult<T> result)
        where T : class
    {
        Assert.False(result.TryGet(out _, out GridError? error));
        return error;
    }
}
