using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;

namespace MoeLora.Console.Tests.Fakes;

/// <summary>Three silos: two that do everything, of which one has just joined, and one that cannot follow a bank.</summary>
internal sealed class FakeSilos(FakeRollouts rollouts) : ISiloOverview
{
    private const long Giga = 1L << 30;

    private readonly DateTimeOffset _began = DateTimeOffset.UtcNow;

    /// <summary>Answers instead of the silos, where not null.</summary>
    public GridError? Refusal { get; set; }

    /// <summary>The silos; null for the usual three.</summary>
    public IReadOnlyList<SiloOverview>? Silos { get; set; }

    public ValueTask<GridResult<IReadOnlyList<SiloOverview>>> ListSilosAsync(CancellationToken cancellation = default) =>
        new(Refusal is null ? GridResult<IReadOnlyList<SiloOverview>>.Success(Silos ?? Three()) : Refusal);

    /// <summary>A silo that holds the active versions of all banks.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="number">Different from silo to silo.</param>
    public SiloOverview Silo(string name, int number) => new()
    {
        Name = name,
        Address = $"10.0.0.{number}:11111@130{number}",
        Phase = GridPhase.Ready,
        Started = _began - TimeSpan.FromHours(30 * number),
        ReportAgeSeconds = 0.3,
        DeviceKind = "cpu",
        Devices = ["cpu (avx2, 8 threads)"],
        MemoryBytes = 32 * Giga,
        FreeBytes = (32 - 9L * number) * Giga,
        Running = 7 + number,
        Waiting = number % 2,
        Banks = [.. rollouts.Active.OrderBy(version => version.Bank, StringComparer.Ordinal).Select(version => new SiloBank(version.Bank, version.Version, Loaded(version), null))],
        TaskCount = 0,
        Tasks = [],
    };

    public static SiloOverview With(SiloOverview silo, params SiloTask[] tasks) => silo with { Tasks = tasks, TaskCount = tasks.Length };

    private SiloOverview[] Three()
    {
        SiloOverview third = Silo("node-3", 3);
        return
        [
            With(
                Silo("node-1", 1), new SiloTask("billing", "ICD-10 code choice", 0, 1, 0), new SiloTask("letters", "report summary", 0, 3, 0), new SiloTask("triage", "diagnosis coding", 0, 9, 640 << 20),
                new SiloTask("triage", "entity recognition", 0, 2, 0)),
            With(Silo("node-2", 2), new SiloTask("letters", "dialogue to record", 0, 2, 0), new SiloTask("triage", "diagnosis coding", 1, 8, 640 << 20), new SiloTask("triage", "symptom status", 0, 0, 0)),
            third with
            {
                Phase = GridPhase.Loading,
                DeviceKind = "cuda",
                Devices = ["cuda (NVIDIA H200, 140 GiB)"],
                Running = 0,
                Waiting = 0,
                Started = _began - TimeSpan.FromMinutes(2),
                Banks = [.. third.Banks.Select(bank => bank.Bank == "triage"
                    ? new SiloBank("triage", null, [], "triage@2026.11.1: The check logits of prompt 2 differ by 0.31, more than 0.02: the bundle was made for other weights.")
                    : bank)],
            },
        ];
    }

    private IReadOnlyList<string> Loaded(AdapterVersionStatus active) =>
        [active.Version, .. rollouts.Versions.Where(version => version.Bank == active.Bank && (version.State is RolloutState.Canary or RolloutState.Verified)).Select(version => version.Version)];
}
