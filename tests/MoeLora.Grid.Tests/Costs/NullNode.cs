using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Serving.Nodes;

namespace MoeLora.Grid.Tests.Costs;

/// <summary>
/// A node whose engine costs nothing: its answers are as long as asked for, and a token comes every so many milliseconds as the prompt's first id says; 0 is as fast as
/// it can. The prompt's second id, where it is 1, makes the text of each token the moment at which it was made.
/// </summary>
internal sealed class NullNode : ISiloNode, IModelGrid, IRollouts, IGridOverview, IBankReports, IDisposable
{
    public const string Bank = "null";
    public const string TaskName = "none";
    public const int Tick = 10;

    private static readonly string BaseHash = new('0', 64);

    private readonly ConcurrentDictionary<PacedAnswer, byte> _paced = [];
    private readonly Timer _timer;

    public NullNode(string name)
    {
        Name = name;
        // One clock for all answers: what a token costs is the grid's.
        _timer = new Timer(_ =>
        {
            foreach (PacedAnswer answer in _paced.Keys)
            {
                if (answer.Write())
                    _paced.TryRemove(answer, out byte _);
            }
        }, null, Tick, Tick);
    }

    public string Name { get; }

    public IModelGrid Grid => this;

    public IRollouts Rollouts => this;

    public IGridOverview Overview => this;

    public long MemoryBytes => 1L << 30;

    /// <summary>Its bank has no gate: nothing of it can change.</summary>
    public IEnumerable<BankReport> Reports { get; } =
        [new BankReport { Bank = Bank, BaseModelHash = BaseHash, Revision = 1, Active = "1", Loaded = ["1"], Tasks = new Dictionary<int, string> { [1] = TaskName } }];

    public string DeviceKind => "cpu";

    public GridStatus Status { get; } = new(GridPhase.Ready, "");

    public ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        IReadOnlyList<int> prompt = ((TokenPrompt)request.Prompt).TokenIds;
        return new(GridResult<IAsyncEnumerable<GenerationEvent>>.Success(prompt[0] == 0 ? FastAsync(request.MaxTokens) : PacedAsync(request.MaxTokens, prompt is [_, 1], cancellation)));
    }

    public ValueTask<GridResult<IReadOnlyList<AdapterVersionStatus>>> ListVersionsAsync(CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<AdapterVersionStatus>>.Success([Version]));

    public ValueTask<GridResult<AdapterVersionStatus>> ExecuteAsync(RolloutCommand command, Caller by, CancellationToken cancellation = default) =>
        new(GridResult<AdapterVersionStatus>.Success(Version));

    public ValueTask<GridResult<GridOverview>> DescribeAsync(CancellationToken cancellation = default) => new(GridResult<GridOverview>.Success(new GridOverview
    {
        At = DateTimeOffset.UnixEpoch,
        Nodes =
        [
            new NodeOverview
            {
                Name = Name,
                Status = Status,
                Started = DateTimeOffset.UnixEpoch,
                ProcessBytes = 0,
                Engines =
                [
                    new EngineOverview
                    {
                        BaseModel = "none",
                        BaseModelHash = $"sha256:{BaseHash}",
                        Device = "cpu",
                        WeightsFormat = "f32",
                        WeightBytes = 0,
                        KvBytes = 0,
                        KvBlocks = 1,
                        KvBlocksUsed = 0,
                        Running = _paced.Count,
                        Waiting = 0,
                        PromptTokens = 0,
                        GeneratedTokens = 0,
                        Preemptions = 0,
                    },
                ],
            },
        ],
        Versions = [Version],
        Tasks = [],
        Tenants = [],
    }));

    public IDisposable HoldTask(string bank, string task) => new CancellationTokenSource();

    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<GridResult<AdapterVersionStatus>> PublishAsync(Stream bundle, Caller by, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<GridResult<IReadOnlyList<RolloutChange>>> HistoryAsync(string bank, int limit, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<Stream?> OpenBundleAsync(string bundleHash, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<GridResult<StoredBundle>> StoreBundleAsync(Stream bundle, Func<StoredBundle, GridError?> findProblem, CancellationToken cancellation = default) => throw new NotSupportedException();

    public ValueTask<GridResult<AdapterVersionStatus>> PublishStoredAsync(string bundleHash, Caller by, CancellationToken cancellation = default) => throw new NotSupportedException();

    public void Dispose() => _timer.Dispose();

    private static readonly AdapterVersionStatus Version = new()
    {
        Bank = Bank,
        Version = "1",
        BundleHash = $"sha256:{BaseHash}",
        BaseModelHash = $"sha256:{BaseHash}",
        Tasks = new Dictionary<int, string> { [1] = TaskName },
        State = RolloutState.Active,
        Published = DateTimeOffset.UnixEpoch,
        Since = DateTimeOffset.UnixEpoch,
        Revision = 1,
    };

    private Provenance Provenance => new() { BaseModelHash = BaseHash, AdapterHash = "none", Bank = Bank, Version = "1", Task = TaskName, Mode = ServingMode.Shared, Device = "none", Node = Name, Seed = 1, WeightsFormat = "f32" };

    private async IAsyncEnumerable<GenerationEvent> FastAsync(int tokens, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        yield return new GenerationStarted(Provenance, 1);
        for (int i = 0; i < tokens; i++)
            yield return new TokenChunk("", [i]);
        await Task.CompletedTask;
        yield return Finished(tokens);
    }

    private async IAsyncEnumerable<GenerationEvent> PacedAsync(int tokens, bool isStamped, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        yield return new GenerationStarted(Provenance, 1);
        var answer = new PacedAnswer(tokens, isStamped);
        _paced.TryAdd(answer, 0);
        while (await answer.Events.WaitToReadAsync(cancellation))
        {
            while (answer.Events.TryRead(out TokenChunk? chunk))
                yield return chunk;
        }

        yield return Finished(tokens);
    }

    private GenerationFinished Finished(int tokens) => new([FinishReason.Length], new TokenUsage(1, tokens), default, Provenance);

    private sealed class PacedAnswer(int tokens, bool isStamped)
    {
        private readonly Channel<TokenChunk> _events = Channel.CreateUnbounded<TokenChunk>(new UnboundedChannelOptions { SingleReader = true });
        private int _written;

        public ChannelReader<TokenChunk> Events => _events.Reader;

        /// <summary>Writes the next token; true with the last.</summary>
        public bool Write()
        {
            int token = Interlocked.Increment(ref _written);
            if (token <= tokens)
                _events.Writer.TryWrite(new TokenChunk(isStamped ? Stopwatch.GetTimestamp().ToString(CultureInfo.InvariantCulture) : "", [token]));
            if (token < tokens)
                return false;
            _events.Writer.TryComplete();
            return true;
        }
    }
}
