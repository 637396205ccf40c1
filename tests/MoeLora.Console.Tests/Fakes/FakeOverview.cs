using MoeLora.Contracts;
using MoeLora.Contracts.Overview;
using MoeLora.Contracts.Rollouts;

namespace MoeLora.Console.Tests.Fakes;

/// <summary>A busy node: each look at it is two seconds and some hundred tokens later.</summary>
internal sealed class FakeOverview(FakeRollouts rollouts, FakeDirectory directory) : IGridOverview
{
    private readonly DateTimeOffset _began = DateTimeOffset.UtcNow;
    private int _looks;
    private long _generated = 1_482_000;
    private long _prompt = 5_210_000;

    /// <summary>Answers instead of the overview, where not null.</summary>
    public GridError? Refusal { get; set; }

    public ValueTask<GridResult<GridOverview>> DescribeAsync(CancellationToken cancellation = default)
    {
        if (Refusal is not null)
            return new(Refusal);
        int look = _looks++;
        _generated += (long)(640 + 140 * Wave(look));
        _prompt += (long)(1500 + 700 * Math.Sin(look * 0.4));
        return new(GridResult<GridOverview>.Success(new GridOverview
        {
            At = _began + TimeSpan.FromSeconds(2 * look),
            Nodes = [Node("node-1", "cpu (avx2, 8 threads)", 0.3, look), Node("node-2", "cpu (avx512, 32 threads)", 0.7, look)],
            Versions = rollouts.Versions,
            Tasks = [.. rollouts.Versions.Where(version => version.State is RolloutState.Active or RolloutState.Canary or RolloutState.Verified).SelectMany(Tasks)],
            Tenants = [.. directory.Tenants.Values.Select((tenant, i) => new TenantUsage(tenant.Id, 3 + i, 41_250 + 3_000 * i, 37 + 20 * i, tenant.Limits))],
        }));

        IEnumerable<TaskOverview> Tasks(AdapterVersionStatus version) => version.Tasks.Select(task =>
            new TaskOverview(version.Bank, version.Version, task.Key, task.Value, task.Key % 3 == 0 ? ServingMode.Merged : ServingMode.Shared, [Weights(task.Key)], 400 * (task.Key + 1) + look * (task.Key % 4)));
    }

    private static double Wave(int look) => Math.Sin(look * 0.21) + 0.6 * Math.Sin(look * 0.53 + 1);

    private NodeOverview Node(string name, string device, double share, int look) => new()
    {
        Name = name,
        Status = new GridStatus(GridPhase.Ready, "Ready."),
        Started = _began - TimeSpan.FromHours(30),
        ProcessBytes = 1_400_000_000,
        Engines =
        [
            new EngineOverview
            {
                BaseModel = "qwen2.5-0.5b",
                BaseModelHash = "sha256:9a31c5d2e8f04b71",
                Device = device,
                WeightsFormat = "q8",
                WeightBytes = 620_000_000,
                KvBlocks = 4096,
                KvBlocksUsed = (int)(share * (3000 + 840 * Wave(look))),
                Running = (int)(share * (28 + 8 * Wave(look))),
                Waiting = Math.Max(0, (int)(2 + 3 * Wave(look + 5))),
                PromptTokens = (long)(share * _prompt),
                GeneratedTokens = (long)(share * _generated),
                Preemptions = (long)(10 * share),
            },
        ],
    };

    /// <summary>ω of a task: eight experts, different from task to task, their sum 1.</summary>
    public static float[] Weights(int task)
    {
        double[] parts = [.. Enumerable.Range(0, 8).Select(expert => Math.Exp(1.1 * Math.Sin(1.7 * task + 2.3 * expert)))];
        return [.. parts.Select(part => (float)(part / parts.Sum()))];
    }
}
