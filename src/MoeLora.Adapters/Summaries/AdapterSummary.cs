using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
using MoeLora.Models;

namespace MoeLora.Adapters.Summaries;

/// <summary>One task in a summary.</summary>
/// <param name="Task">The task.</param>
/// <param name="Weights">ω for each gate: one for a shared gate or a plain LoRA, one per adapted module otherwise.</param>
/// <param name="DeltaNorm">The Frobenius norm of all its deltas (α/r) · B · diag(ω) · A together.</param>
public sealed record TaskSummary(AdapterTask Task, IReadOnlyList<GateWeights> Weights, double DeltaNorm);

/// <summary>One adapted module in a summary.</summary>
/// <param name="Module">The base model's layer.</param>
/// <param name="ParameterCount">Parameters of its experts.</param>
/// <param name="IsZero">Whether it changes nothing for any task.</param>
/// <param name="DeltaNorms">The Frobenius norm of (α/r) · B · diag(ω) · A by task, in the order of the tasks.</param>
public sealed record ModuleSummary(LinearModule Module, long ParameterCount, bool IsZero, IReadOnlyList<double> DeltaNorms);

/// <summary>What an adapter is, for people: sizes, expert weights per task, how much each task changes.</summary>
public sealed record AdapterSummary
{
    /// <summary>How the experts are gated.</summary>
    public required AdapterKind Kind { get; init; }

    /// <summary>N.</summary>
    public required int ExpertCount { get; init; }

    /// <summary>r over all experts.</summary>
    public required int Rank { get; init; }

    /// <summary>r / N.</summary>
    public required int ExpertRank { get; init; }

    /// <summary>α.</summary>
    public required double Alpha { get; init; }

    /// <summary>What the deltas are multiplied by.</summary>
    public required double Scaling { get; init; }

    /// <summary>Experts kept by the sparse gate; null for the dense one.</summary>
    public required int? TopK { get; init; }

    /// <summary>By task id.</summary>
    public required IReadOnlyList<TaskSummary> Tasks { get; init; }

    /// <summary>In execution order.</summary>
    public required IReadOnlyList<ModuleSummary> Modules { get; init; }

    /// <summary>Parameters of experts, task embeddings and gates that are used.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>Stored parameters that nothing uses.</summary>
    public required long IgnoredParameterCount { get; init; }

    /// <summary>Parameters of the base model, if it is known.</summary>
    public required long? BaseParameterCount { get; init; }

    /// <summary>Whether the whole adapter changes nothing: it was never trained.</summary>
    public required bool IsZero { get; init; }

    /// <summary>
    /// Trained parameters as a share of base and adapter together, as the authors count it: stored parameters that nothing uses
    /// included. Null when the base model is not known.
    /// </summary>
    public double? TrainableShare => BaseParameterCount is { } frozen
        ? (double)(ParameterCount + IgnoredParameterCount) / (frozen + ParameterCount + IgnoredParameterCount)
        : null;

    /// <summary>Looks at everything once; takes r² · (in + out) per module.</summary>
    public static AdapterSummary Create(Adapter adapter, long? baseParameterCount = null)
    {
        ExpertBank bank = adapter.Bank;
        IReadOnlyList<GateWeights>[] weights = [.. adapter.Tasks.Select(task => adapter.Weights(task))];
        var modules = new List<ModuleSummary>();
        double[] squares = new double[weights.Length];
        for (int i = 0; i < bank.Modules.Count; i++)
        {
            var norm = new DeltaNorm(bank.Modules[i]);
            double[] norms = Array.ConvertAll(weights, w => norm.For(w[w.Count == 1 ? 0 : i].ToRow(bank.ExpertRank, bank.Scaling)));
            for (int task = 0; task < norms.Length; task++)
                squares[task] += norms[task] * norms[task];
            modules.Add(new ModuleSummary(bank.Modules[i].Module, bank.Modules[i].ParameterCount, bank.Modules[i].IsZero, norms));
        }

        return new AdapterSummary
        {
            Kind = adapter.Kind,
            ExpertCount = bank.ExpertCount,
            Rank = bank.Rank,
            ExpertRank = bank.ExpertRank,
            Alpha = bank.Alpha,
            Scaling = bank.Scaling,
            TopK = adapter.TopK,
            Tasks = [.. adapter.Tasks.Select((task, i) => new TaskSummary(task, weights[i], Math.Sqrt(squares[i])))],
            Modules = modules,
            ParameterCount = adapter.ParameterCount,
            IgnoredParameterCount = adapter.IgnoredParameterCount,
            BaseParameterCount = baseParameterCount,
            IsZero = bank.IsZero,
        };
    }
}
