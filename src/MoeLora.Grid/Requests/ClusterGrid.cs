using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Requests;

/// <summary>A cluster of silos as one grid: what applications and the gateway of every silo call.</summary>
/// <param name="grains">The cluster.</param>
/// <param name="board">What its silos report.</param>
/// <param name="replicas">Which replica of a task answers.</param>
/// <param name="options">How long is tried.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">What goes wrong on silos.</param>
/// <param name="node">Records what is refused here, before a silo's node is asked, which records what it refuses; null outside the cluster.</param>
internal sealed partial class ClusterGrid(
    IGrainFactory grains, SiloBoard board, IReplicas replicas, ClusterRequestOptions options, TimeProvider time, ILogger<ClusterGrid> logger, ISiloNode? node = null) : IModelGrid
{
    /// <inheritdoc/>
    public GridStatus Status => board.Ready.Any()
        ? new GridStatus(GridPhase.Ready, $"{board.Ready.Count()} of {board.Reports.Count} silos answer.")
        : new GridStatus(GridPhase.Loading, board.Reports.Count == 0 ? "No silo has reported yet." : $"None of {board.Reports.Count} silos is ready yet.");

    /// <inheritdoc/>
    public async ValueTask<GridResult<IReadOnlyList<ModelDescription>>> ListModelsAsync(CancellationToken cancellation = default)
    {
        if (!Status.IsReady)
            return NotReady();
        SiloReport[] silos = [.. board.Ready];
        IReadOnlyList<BankReport> banks = ClusterNames.Banks(silos);
        var known = new Dictionary<string, ModelMessage[]>(StringComparer.Ordinal);
        var models = new List<ModelDescription>();
        foreach (BankReport bank in banks)
        {
            // Most silos have all banks: each is asked once.
            string[] holders = HoldersOf(bank, silos);
            if (!(await AskAsync([.. holders.Where(known.ContainsKey), .. holders.Where(silo => !known.ContainsKey(silo))], AskOneAsync, cancellation)).TryGet(out ModelMessage[]? there, out GridError? error))
                return error;
            models.AddRange(there.Where(model => model.Bank == bank.Bank).Select(model => model.ToDescription()));
        }

        // A silo does not know of tasks of the same name in banks that it does not have.
        HashSet<string> twice = [.. banks.SelectMany(bank => bank.Tasks.Values).CountBy(name => name).Where(count => count.Value > 1).Select(count => count.Key)];
        return GridResult<IReadOnlyList<ModelDescription>>.Success([.. models.Select(model => twice.Contains(model.Id) ? model with { Id = $"{model.Bank}/{model.Id}", TaskName = model.TaskName ?? model.Id } : model)]);

        async Task<ModelMessage[]> AskOneAsync(ISiloGrain grain, string silo) => known.TryGetValue(silo, out ModelMessage[]? there) ? there : known[silo] = await grain.ModelsAsync();
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default)
    {
        if (!Status.IsReady)
            return NotReady();
        SiloReport[] silos = [.. board.Ready];
        IReadOnlyList<BankReport> banks = ClusterNames.Banks(silos);
        if (!ClusterNames.Resolve(banks, model).TryGet(out NamedTask? task, out GridError? error) || !(await FindAsync(task, banks, silos, cancellation)).TryGet(out ModelDescription? found, out error))
            return error;
        return GridResult<ModelDescription>.Success(found with { Id = model.Text });
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        if (request.FindProblems() is { Count: > 0 } problems)
            return await RefuseAsync(request, problems[0] with { Message = string.Join(' ', problems.Select(problem => problem.Message)) });
        if (!Status.IsReady)
            return await RefuseAsync(request, NotReady());
        if (!(await ResolveAsync(request, cancellation)).TryGet(out NamedTask? task, out GridError? unknown))
            return await RefuseAsync(request, unknown);
        var answer = new ClusterAnswer(key => grains.GetGrain<ITaskGrain>(key.ToString()), board, replicas, options, time, logger, request, task, cancellation);
        bool started = false;
        try
        {
            if (await answer.StartAsync() is { } refusal)
                return answer.WasRefusedBySilo ? refusal : await RefuseAsync(request, refusal, task);
            started = true;
            return GridResult<IAsyncEnumerable<GenerationEvent>>.Success(answer.Read());
        }
        finally
        {
            if (!started)
                await answer.DisposeAsync();
        }
    }

    /// <summary>Finds the task, by the same rules as a node: an error names nothing that the tenant may not ask.</summary>
    private async ValueTask<GridResult<NamedTask>> ResolveAsync(GenerationRequest request, CancellationToken cancellation)
    {
        SiloReport[] silos = [.. board.Ready];
        IReadOnlyList<BankReport> banks = ClusterNames.Banks(silos);
        GridResult<NamedTask> named = ClusterNames.Resolve(banks, request.Model);
        if (!named.TryGet(out NamedTask? task, out _))
        {
            string[] all = [.. silos.OrderBy(silo => silo.Load).Select(silo => silo.Silo)];
            if (!(await AskAsync(all, async (grain, _) => new TenantLimits { AllowedTasks = await grain.AllowedTasksAsync(request.Tenant.Text) }, cancellation)).TryGet(out TenantLimits? limits, out GridError? error))
                return error;
            if (limits.AllowedTasks is not null)
                named = ClusterNames.Resolve(ClusterNames.VisibleTo(banks, limits), request.Model);
            if (!named.TryGet(out task, out _))
                return named;
        }

        // A name that no silo reports becomes no grain before one knows it.
        return task.IsReported || (await FindAsync(task, banks, silos, cancellation)).TryGet(out _, out GridError? unknown) ? named : unknown;
    }

    private async ValueTask<GridResult<ModelDescription>> FindAsync(NamedTask task, IReadOnlyList<BankReport> banks, SiloReport[] silos, CancellationToken cancellation)
    {
        string[] holders = HoldersOf(banks.First(bank => bank.Bank == task.Bank), silos);
        if (!(await AskAsync(holders, (grain, _) => grain.FindModelAsync(task.ToModel(task.Version).Text), cancellation)).TryGet(out ModelReply? reply, out GridError? error))
            return error;
        return reply.Error is { } refusal ? refusal.ToError() : GridResult<ModelDescription>.Success(reply.Model!.ToDescription());
    }

    /// <summary>The silos that are furthest with a bank, the least busy first.</summary>
    private static string[] HoldersOf(BankReport bank, SiloReport[] silos) =>
    [
        .. silos.Where(silo => silo.Banks.Any(each => each.Bank == bank.Bank && each.Revision == bank.Revision && each.Problem == bank.Problem))
            .OrderBy(silo => silo.Load).Select(silo => silo.Silo),
    ];

    /// <summary>Asks one silo after another, until one answers.</summary>
    private async ValueTask<GridResult<T>> AskAsync<T>(string[] silos, Func<ISiloGrain, string, Task<T>> ask, CancellationToken cancellation)
        where T : class
    {
        foreach (string silo in silos)
        {
            try
            {
                return GridResult<T>.Success(await ask(grains.GetGrain<ISiloGrain>(silo), silo).WaitAsync(cancellation));
            }
            catch (Exception e) when (e is OrleansException or TimeoutException)
            {
                LogNoAnswer(silo, e);
            }
        }

        return new GridError(GridErrorKind.Unavailable, "No silo answers now. Try again in a moment.", RetryAfter: TimeSpan.FromSeconds(1));
    }

    private ValueTask<GridError> RefuseAsync(GenerationRequest request, GridError refusal, NamedTask? task = null) =>
        node is null ? new(refusal) : node.RecordRefusalAsync(request, refusal, task?.Bank, task?.Task);

    private GridError NotReady() => new(GridErrorKind.NotReady, Status.Detail, RetryAfter: TimeSpan.FromSeconds(1));

    [LoggerMessage(Level = LogLevel.Warning, Message = "The silo {Silo} does not answer; another one is asked.")]
    private partial void LogNoAnswer(string silo, Exception exception);
}
