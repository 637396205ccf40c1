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
/// A node whose engine costs nothing: its answers are as long as asked for, and a token comes every <see cref="Tick"/>, or as fast as it can where the prompt's first id
/// is 0. The prompt's second id says what the text of each token is, see <see cref="Texts"/>. It is a device of fixed speed too: at most so many answers get a token each
/// tick, and the others wait their turn.
/// </summary>
internal sealed class NullNode : ISiloNode, IModelGrid, IRollouts, IGridOverview, IBankReports, IDisposable
{
    public const string Bank = "null";
    public const string TaskName = "none";
    public const int Tick = 10;

    private static readonly string BaseHash = new('0', 64);

    private readonly List<PacedAnswer> _paced = []; // those that came first are first
    private readonly int _batch;
    private readonly Timer _timer;

    /// <param name="name">Its name.</param>
    /// <param name="batch">Answers that get a token in a tick.</param>
    /// <param name="tasks">Tasks of its bank: <see cref="TaskName"/>, and others with a number behind.</param>
    /// <param name="phase">Whether it takes requests; one that does not is a way into the cluster and no more.</param>
    public NullNode(string name, int batch = int.MaxValue, int tasks = 1, GridPhase phase = GridPhase.Ready)
    {
        (Name, _batch, Status) = (name, batch, new GridStatus(phase, ""));
        Reports = [new BankReport { Bank = Bank, BaseModelHash = BaseHash, Revision = 0, Active = "1", Loaded = ["1"], Tasks = Enumerable.Range(0, tasks).ToDictionary(i => i + 1, NameOfTask) }];
        // One clock for all answers: what a token costs is the grid's.
        _timer = new Timer(_ =>
        {
            lock (_paced)
            {
                int steps = Math.Min(_batch, _paced.Count);
                for (int i = steps - 1; i >= 0; i--)
                {
                    if (_paced[i].Write())
                        _paced.RemoveAt(i);
                }
            }
        }, null, Tick, Tick);
    }

    /// <summary>What the text of a token is.</summary>
    public static class Texts
    {
        public const int None = 0;

        /// <summary>The moment at which it was made.</summary>
        public const int Time = 1;

        /// <summary>The name of the node that made it.</summary>
        public const int Node = 2;
    }

    public string Name { get; }

    /// <summary>The name of a task, from 0.</summary>
    public static string NameOfTask(int task) => task == 0 ? TaskName : $"{TaskName}-{task}";

    public IModelGrid Grid => this;

    public IRollouts Rollouts => this;

    public IGridOverview Overview => this;

    public long MemoryBytes => 1L << 30;

    /// <summary>Its bank has no gate: nothing of it can change.</summary>
    public IEnumerable<BankReport> Reports { get; }

    public string DeviceKind => "cpu";

    public GridStatus Status { get; }

    private int Queued
    {
        get
        {
            lock (_paced)
                return _paced.Count;
        }
    }

    public ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        IReadOnlyList<int> prompt = ((TokenPrompt)request.Prompt).TokenIds;
        int begun = request.Begun is [{ } tokens] ? tokens.Count : 0;
        Func<string> text = (prompt is [_, int which] ? which : Texts.None) switch
        {
            Texts.Time => () => Stopwatch.GetTimestamp().ToString(CultureInfo.InvariantCulture),
            Texts.Node => () => Name,
            _ => () => "",
        };
        return new(GridResult<IAsyncEnumerable<GenerationEvent>>.Success(prompt[0] == 0 ? FastAsync(request.MaxTokens) : PacedAsync(begun, request.MaxTokens, text, cancellation)));
    }

    /// <summary>None, as the gate of its bank says too.</summary>
    public ValueTask<GridResult<IReadOnlyList<AdapterVersionStatus>>> ListVersionsAsync(CancellationToken cancellation = default) =>
        new(GridResult<IReadOnlyList<AdapterVersionStatus>>.Success([]));

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
                        Running = Math.Min(_batch, Queued),
                        Waiting = Math.Max(0, Queued - _batch),
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

    public ValueTask<GridError> RecordRefusalAsync(GenerationRequest request, GridError refusal, string? bank, string? task) => new(refusal);

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

    private async IAsyncEnumerable<GenerationEvent> PacedAsync(int begun, int tokens, Func<string> text, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        yield return new GenerationStarted(Provenance, 1);
        var answer = new PacedAnswer(begun, tokens, text);
        lock (_paced)
            _paced.Add(answer);
        try
        {
            while (await answer.Events.WaitToReadAsync(cancellation))
            {
                while (answer.Events.TryRead(out TokenChunk? chunk))
                    yield return chunk;
            }
        }
        finally
        {
            lock (_paced)
                _paced.Remove(answer);
        }

        yield return Finished(tokens);
    }

    private GenerationFinished Finished(int tokens) => new([FinishReason.Length], new TokenUsage(1, tokens), default, Provenance);

    private sealed class PacedAnswer(int begun, int tokens, Func<string> text)
    {
        private readonly Channel<TokenChunk> _events = Channel.CreateUnbounded<TokenChunk>(new UnboundedChannelOptions { SingleReader = true });
        private int _written = begun;

        public ChannelReader<TokenChunk> Events => _events.Reader;

        /// <summary>Writes the next token; true with the last.</summary>
        public bool Write()
        {
            if (_written < tokens)
                _events.Writer.TryWrite(new TokenChunk(text(), [++_written]));
            if (_written < tokens)
                return false;
            _events.Writer.TryComplete();
            return true;
        }
    }
}
