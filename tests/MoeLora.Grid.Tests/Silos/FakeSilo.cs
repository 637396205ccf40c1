using System.Collections.Concurrent;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Serving.Nodes;

namespace MoeLora.Grid.Tests.Silos;

/// <summary>A node that computes nothing, and what it says of its banks.</summary>
internal sealed class FakeSilo(string name) : ISiloNode, IModelGrid, IGridOverview, IBankReports
{
    public string Name => name;

    public IModelGrid Grid => this;

    public IRollouts Rollouts => throw new NotSupportedException();

    public IGridOverview Overview => this;

    public long MemoryBytes { get; set; } = 8 * Reported.Giga;

    public string DeviceKind => "cpu";

    public GridStatus Status { get; set; } = new(GridPhase.Ready, "");

    public string[] Bases { get; set; } = [Reported.BaseA];

    public int Running { get; set; }

    /// <summary>What is special about the engine of a base model: its device, its memory, its fault.</summary>
    public Func<EngineOverview, EngineOverview> Special { get; set; } = engine => engine;

    public IEnumerable<BankReport> Reports { get; set; } = [Reported.Bank("clinic")];

    /// <summary>Fails the next descriptions.</summary>
    public bool IsSpeechless { get; set; }

    public TaskOverview[] Tasks { get; set; } = [];

    public ValueTask<GridResult<GridOverview>> DescribeAsync(CancellationToken cancellation = default)
    {
        if (IsSpeechless)
            return ValueTask.FromResult<GridResult<GridOverview>>(new GridError(GridErrorKind.NotReady, "Not now."));
        return ValueTask.FromResult(GridResult<GridOverview>.Success(new GridOverview
        {
            At = DateTimeOffset.UnixEpoch,
            Nodes =
            [
                new NodeOverview
                {
                    Name = name,
                    Status = Status,
                    Started = DateTimeOffset.UnixEpoch,
                    ProcessBytes = 0,
                    Engines = [.. Bases.Select(Engine).Select(Special)],
                },
            ],
            Versions = [],
            Tasks = Tasks,
            Tenants = [],
        }));
    }

    /// <summary>Refusals that were recorded.</summary>
    public ConcurrentQueue<(GenerationRequest Request, GridError Refusal, string? Bank, string? Task)> Refusals { get; } = [];

    public ValueTask<GridError> RecordRefusalAsync(GenerationRequest request, GridError refusal, string? bank, string? task)
    {
        Refusals.Enqueue((request, refusal, bank, task));
        return new(refusal);
    }

    public IDisposable HoldTask(string bank, string task) => throw new NotSupportedException();

    public ValueTask<Stream?> OpenBundleAsync(string bundleHash, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<GridResult<StoredBundle>> StoreBundleAsync(Stream bundle, Func<StoredBundle, GridError?> findProblem, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<GridResult<AdapterVersionStatus>> PublishStoredAsync(string bundleHash, Caller by, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default) => throw new NotSupportedException();

    private EngineOverview Engine(string hash) => new()
    {
        BaseModel = "tiny",
        BaseModelHash = $"sha256:{hash}",
        Device = "cpu",
        WeightsFormat = "f32",
        WeightBytes = Reported.Giga,
        KvBytes = Reported.Giga / 2,
        KvBlocks = 100,
        KvBlocksUsed = 1,
        Running = Running,
        Waiting = 0,
        PromptTokens = 0,
        GeneratedTokens = 0,
        Preemptions = 0,
    };
}
