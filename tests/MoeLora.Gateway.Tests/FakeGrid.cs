using System.Runtime.CompilerServices;
using System.Threading.Channels;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Tests;

/// <summary>A grid whose answers a test writes down beforehand, or one by one while it runs.</summary>
internal sealed class FakeGrid : IModelGrid
{
    public static readonly Provenance Provenance = new()
    {
        BaseModelHash = "sha256:base",
        AdapterHash = "sha256:adapter",
        Bank = "triage",
        Version = "1",
        Task = "医学-triage",
        TaskId = 2,
        GateWeights = [[0.25f, 0.75f]],
        Mode = ServingMode.Shared,
        Device = "fake",
        Node = "node-1",
        Seed = 7,
        WeightsFormat = "f32",
    };

    private readonly Channel<GenerationEvent> _events = Channel.CreateUnbounded<GenerationEvent>();
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public GridStatus Status { get; set; } = new(GridPhase.Ready, "ready");

    public GridError? Refusal { get; set; }

    public Exception? Fault { get; set; }

    public GenerationRequest? LastRequest { get; private set; }

    public List<ModelDescription> Models { get; } =
    [
        new("医学-triage", 2, "tiny-base", ServingMode.Shared, 512, DateTimeOffset.UnixEpoch.AddSeconds(100)),
        new("3", 3, "tiny-base", ServingMode.Merged, 512, DateTimeOffset.UnixEpoch.AddSeconds(100)),
    ];

    /// <summary>Completes when the gateway stops reading an answer that had not ended.</summary>
    public Task LeftEarly => _left.Task;

    public static GenerationFinished Finished(FinishReason reason = FinishReason.Stop, int prompt = 3, int completion = 2) =>
        new([reason], new TokenUsage(prompt, completion), default, Provenance);

    public FakeGrid Answers(params GenerationEvent[] events)
    {
        foreach (GenerationEvent item in events)
            _events.Writer.TryWrite(item);
        return this;
    }

    /// <summary>After what was written down, the answer's stream throws.</summary>
    public FakeGrid Breaks(Exception fault)
    {
        _events.Writer.Complete(fault);
        return this;
    }

    public ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default) =>
        new(Refusal is null ? GridResult<IReadOnlyList<ModelDescription>>.Success(Models) : Refusal);

    public ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default) =>
        new(Models.Find(candidate => candidate.Id == model.Text || candidate.TaskId == model.TaskId) is { } found
            ? GridResult<ModelDescription>.Success(found)
            : new GridError(GridErrorKind.ModelNotFound, "There is no such task. There are: 医学-triage, 3."));

    public ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        LastRequest = request;
        if (Fault is not null)
            throw Fault;
        return new(Refusal is null ? GridResult<IAsyncEnumerable<GenerationEvent>>.Success(Stream(cancellation)) : Refusal);
    }

    private async IAsyncEnumerable<GenerationEvent> Stream([EnumeratorCancellation] CancellationToken cancellation)
    {
        bool ended = false;
        try
        {
            while (!ended)
            {
                GenerationEvent item = await _events.Reader.ReadAsync(cancellation);
                ended = item is GenerationFinished or GenerationFailed;
                yield return item;
            }
        }
        finally
        {
            if (!ended)
                _left.TrySetResult();
        }
    }
}
