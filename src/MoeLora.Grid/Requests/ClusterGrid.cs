using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;

namespace MoeLora.Grid.Requests;

/// <summary>A cluster of silos as one grid: what applications and the gateway of every silo call.</summary>
internal sealed class ClusterGrid(IGrainFactory grains, SiloBoard board, IReplicas replicas, ClusterRequestOptions options, TimeProvider time) : IModelGrid
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
        var models = new List<ModelDescription>();
        foreach (IGrouping<string, BankReport> bank in ClusterNames.Banks(board.Ready).GroupBy(bank => HolderOf(bank), StringComparer.Ordinal))
        {
            HashSet<string> banks = [.. bank.Select(each => each.Bank)];
            ModelMessage[] there = await grains.GetGrain<ISiloGrain>(bank.Key).ModelsAsync().WaitAsync(cancellation);
            models.AddRange(there.Where(model => model.Bank is not null && banks.Contains(model.Bank)).Select(model => model.ToDescription()));
        }

        return GridResult<IReadOnlyList<ModelDescription>>.Success(models);
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<ModelDescription>> FindModelAsync(ModelRef model, CancellationToken cancellation = default)
    {
        if (!Status.IsReady)
            return NotReady();
        IReadOnlyList<BankReport> banks = ClusterNames.Banks(board.Ready);
        if (!ClusterNames.Resolve(banks, model).TryGet(out NamedTask? task, out GridError? error))
            return error;
        string holder = HolderOf(banks.First(bank => bank.Bank == task.Bank));
        ModelReply reply = await grains.GetGrain<ISiloGrain>(holder).FindModelAsync(task.ToModel(task.Version).Text).WaitAsync(cancellation);
        return reply.Error is { } refusal ? refusal.ToError() : GridResult<ModelDescription>.Success(reply.Model!.ToDescription() with { Id = model.Text });
    }

    /// <inheritdoc/>
    public async ValueTask<GridResult<IAsyncEnumerable<GenerationEvent>>> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        if (request.FindProblems() is { Count: > 0 } problems)
            return problems[0] with { Message = string.Join(' ', problems.Select(problem => problem.Message)) };
        if (!Status.IsReady)
            return NotReady();
        if (!ClusterNames.Resolve(ClusterNames.Banks(board.Ready), request.Model).TryGet(out NamedTask? task, out GridError? unknown))
            return unknown;
        var answer = new ClusterAnswer(grains, board, replicas, options, time, request, task, cancellation);
        bool started = false;
        try
        {
            if (await answer.StartAsync() is { } refusal)
                return refusal;
            started = true;
            return GridResult<IAsyncEnumerable<GenerationEvent>>.Success(answer.ReadAsync(CancellationToken.None));
        }
        finally
        {
            if (!started)
                await answer.DisposeAsync();
        }
    }

    /// <summary>A silo that has a bank, the least busy of those that are furthest with it.</summary>
    private string HolderOf(BankReport bank) => board.Ready
        .Where(silo => silo.Banks.Any(each => each.Bank == bank.Bank && each.Revision == bank.Revision && each.Problem == bank.Problem))
        .MinBy(silo => silo.Load)!.Silo;

    private GridError NotReady() => new(GridErrorKind.NotReady, Status.Detail, RetryAfter: TimeSpan.FromSeconds(1));
}
