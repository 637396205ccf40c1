using System.Diagnostics;
using System.Runtime.CompilerServices;
using MoeLora.Contracts;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Placement;
using MoeLora.Grid.Silos;
using Orleans.Concurrency;

namespace MoeLora.Grid.Tasks;

/// <inheritdoc cref="ITaskGrain"/>
/// <remarks>
/// Its calls interleave: each is an answer in the node's batch, and the grain only hands its parts on. It is no IGrainMigrationParticipant, because there is nothing to
/// carry to another silo: only an idle one moves, gate weights are in the bundle that is there already, and whether recovered weights are worth their memory depends on
/// the other silo's memory and traffic. A task that is to be merged is recovered there as soon as its grain lives there; until then it is served shared, at once.
/// </remarks>
[Reentrant, WhereItsBankIs]
internal sealed class TaskGrain(ISiloNode node, BankFollower follower, ResidentTasks resident, SiloPulse pulse, ILocalSiloDetails silo) : Grain, ITaskGrain, IResidentTask
{
    private static readonly ActivitySource Spans = new(Telemetry.ActivitySource);

    private readonly string _silo = silo.SiloAddress.ToParsableString();
    private int _depth;
    private string _bank = "";
    private IDisposable? _weights;

    /// <summary>Requests that run or wait in it.</summary>
    public int Depth => Volatile.Read(ref _depth);

    /// <inheritdoc/>
    public string Key => this.GetPrimaryKeyString();

    /// <inheritdoc/>
    public void Migrate() => GrainContext.Migrate(requestContext: null);

    /// <inheritdoc/>
    public void Deactivate() => GrainContext.Deactivate(new DeactivationReason(DeactivationReasonCode.ApplicationRequested, "The silo gives its task grains back."));

    /// <remarks>It waits for nothing: Orleans gives up an activation that takes long, but cannot stop it. Where the silo does not follow the bank, requests are refused.</remarks>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        string text = this.GetPrimaryKeyString();
        if (!TaskKey.TryParse(text, out TaskKey? key))
            throw new ArgumentException($"'{text}' is no key of a task grain; one is bank/task/replica.");
        _bank = key.Value.Bank;
        _weights = node.HoldTask(_bank, key.Value.Task);
        resident.Add(text, this);
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        resident.Remove(this.GetPrimaryKeyString(), this);
        _weights?.Dispose();
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<AnswerPart> GenerateAsync(RequestMessage request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        Interlocked.Increment(ref _depth);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using Activity? span = Spans.StartActivity("task"); // below the call's, and above the engine's
        span?.SetTag("grain", Key).SetTag("node", node.Name);
        try
        {
            GridResult<IAsyncEnumerable<GenerationEvent>> admitted = await AdmitAsync(request.ToRequest(), ended.Token);
            if (!admitted.TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error))
            {
                span?.SetStatus(ActivityStatusCode.Error);
                yield return AnswerPart.Refused(error);
                yield break;
            }

            await foreach (GenerationEvent item in events)
            {
                if (AnswerPart.TryOfToken(item, out AnswerPart token))
                {
                    yield return token;
                    continue;
                }

                foreach (AnswerPart part in AnswerPart.Of(item, _silo))
                    yield return part;
            }
        }
        finally
        {
            // A caller that left early leaves an answer that nobody reads.
            await ended.CancelAsync();
            Interlocked.Decrement(ref _depth);
        }
    }

    /// <summary>
    /// A request whose answers began elsewhere needs the version that began them, which may have been taken out of memory here: it comes back for it. What is refused before
    /// the node is asked is recorded as the node records its own refusals.
    /// </summary>
    private async Task<GridResult<IAsyncEnumerable<GenerationEvent>>> AdmitAsync(GenerationRequest request, CancellationToken cancellation)
    {
        (string? bank, string task, string? version) = request.Model.Split();
        if (FindRefusal(version) is { } refusal)
            return await node.RecordRefusalAsync(request, new GridError(GridErrorKind.NotReady, refusal, RetryAfter: TimeSpan.FromSeconds(1)), bank, task);
        GridResult<IAsyncEnumerable<GenerationEvent>> admitted = await node.Grid.GenerateAsync(request, cancellation);
        if (admitted.TryGet(out _, out GridError? error) || error.Kind != GridErrorKind.ModelNotFound || request.Begun.Count == 0)
            return admitted;
        return await follower.RecallAsync(bank!, version!, cancellation) is { } problem
            ? await node.RecordRefusalAsync(request, problem, bank, task)
            : await node.Grid.GenerateAsync(request, cancellation);
    }

    private string? FindRefusal(string? version) => !pulse.IsSure ? $"The silo {node.Name} stood still and asks whether it is still part of the cluster."
        : !follower.MayAnswer(_bank, version) ? $"The silo {node.Name} cannot answer for the bank '{_bank}' now."
        : null;
}
