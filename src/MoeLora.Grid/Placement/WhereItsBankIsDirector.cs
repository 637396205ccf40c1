using Microsoft.Extensions.Options;
using MoeLora.Grid.Silos;
using MoeLora.Grid.Tasks;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.Runtime.Placement;

namespace MoeLora.Grid.Placement;

/// <inheritdoc cref="WhereItsBankIsPlacement"/>
internal sealed class WhereItsBankIsDirector(SiloBoard board, ISiloMetadataCache metadata, IOptions<PlacementOptions> options) : IPlacementDirector
{
    private readonly Lock _lock = new();
    private readonly RecentPlacements _recent = new();
    private readonly Random _random = options.Value.Seed is { } seed ? new Random(seed) : new Random();

    /// <exception cref="NoEligibleSiloException">No silo can take the grain.</exception>
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        string text = target.GrainIdentity.Key.ToString()!;
        if (!TaskKey.TryParse(text, out TaskKey? parsed))
            throw new ArgumentException($"'{text}' is no key of a task grain; one is bank/task/replica.");
        TaskKey key = parsed.Value;
        if (board.FindBaseModel(key.Bank) is not { } baseModel)
            throw new NoEligibleSiloException($"No silo can take the task {key}: none has heard of the bank {key.Bank} yet. Publish and activate a version of it.");
        SiloAddress[] compatible = context.GetCompatibleSilos(target);
        SiloAddress? hint = IPlacementDirector.GetPlacementHint(target.RequestContextData, compatible);
        return Task.FromResult(Choose(key, baseModel, compatible.ToDictionary(silo => silo.ToParsableString(), StringComparer.Ordinal), hint?.ToParsableString()));
    }

    private SiloAddress Choose(TaskKey key, string baseModel, Dictionary<string, SiloAddress> silos, string? hint)
    {
        lock (_lock)
        {
            _recent.Keep(silos.Keys.ToHashSet(StringComparer.Ordinal));
            SiloCandidate[] candidates =
            [
                .. board.Reports.Where(report => silos.ContainsKey(report.Silo))
                    .Select(report => _recent.Describe(key, report) with { IsSilent = board.Age(report.Silo) > options.Value.SilentAfter }),
            ];
            SiloCandidate? chosen = Array.Find(candidates, each => each.Report.Silo == hint && SiloChoice.FindLack(key, baseModel, each, options.Value) is null)
                ?? SiloChoice.Choose(key, baseModel, candidates, options.Value, _random);
            if (chosen is null)
                throw new NoEligibleSiloException(Explain(key, baseModel, candidates, silos));
            _recent.Add(key, chosen.Report, options.Value.TaskBytes);
            return silos[chosen.Report.Silo];
        }
    }

    private string Explain(TaskKey key, string baseModel, SiloCandidate[] candidates, Dictionary<string, SiloAddress> silos)
    {
        IEnumerable<string> lacks = candidates.Select(each => $"{each.Report.Node} ({each.Report.Silo}) {SiloChoice.FindLack(key, baseModel, each, options.Value)}");
        IEnumerable<string> unknown = silos.Where(silo => !Array.Exists(candidates, each => each.Report.Silo == silo.Key))
            .Select(silo => $"{SiloFacts.Describe(silo.Key, metadata.GetSiloMetadata(silo.Value))} has not reported yet");
        return $"No silo can take the task {key}: {string.Join("; ", lacks.Concat(unknown).Order(StringComparer.Ordinal))}.";
    }
}
