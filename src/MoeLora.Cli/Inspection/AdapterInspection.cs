using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Import;
using MoeLora.Adapters.Summaries;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Architectures;
using MoeLora.Models.Configs;

namespace MoeLora.Cli.Inspection;

/// <summary>What an adapter's directory holds. Also the JSON that is printed.</summary>
internal sealed record AdapterInspection : IInspection
{
    public string Kind => "adapter";

    public required string Path { get; init; }

    /// <summary>MMOELORAS, MMOELORA or LORA.</summary>
    public required string PeftType { get; init; }

    public required int Experts { get; init; }

    public required int Rank { get; init; }

    public required int ExpertRank { get; init; }

    public required double Alpha { get; init; }

    public required double Scaling { get; init; }

    /// <summary>Experts kept by the sparse gate; null for the dense one.</summary>
    public required int? TopK { get; init; }

    /// <summary>Experts, task embeddings and gates that are used.</summary>
    public required long Parameters { get; init; }

    /// <summary>Stored and trained with, but used by nothing.</summary>
    public required long IgnoredParameters { get; init; }

    /// <summary>Trained parameters as a share of all; null when the base model was not given.</summary>
    public required double? TrainableShare { get; init; }

    /// <summary>Whether nothing was ever trained: all deltas are zero.</summary>
    public required bool IsZero { get; init; }

    /// <summary>Null when it is no bundle.</summary>
    public InspectedBundle? Bundle { get; init; }

    public required IReadOnlyList<InspectedTask> Tasks { get; init; }

    public required IReadOnlyList<InspectedModule> Modules { get; init; }

    /// <summary>Reads an adapter; with a base model's directory it is checked against that model's shapes.</summary>
    /// <param name="directory">The adapter's directory.</param>
    /// <param name="modelDirectory">The base model's; null when it is not known.</param>
    /// <param name="taskNames">The authors' task_dataset.json; null names tasks by their ids.</param>
    /// <param name="hash">Computes the base model's hash, which only a bundle needs.</param>
    /// <exception cref="AdapterException">The adapter cannot be used, or not with this model.</exception>
    public static AdapterInspection Read(string directory, string? modelDirectory, string? taskNames, Func<string, string> hash)
    {
        ModelOutline? outline = modelDirectory is null ? null : ModelOutline.Of(ModelConfigReader.Read(modelDirectory));
        bool isBundle = AdapterBundle.IsAt(directory);
        Adapter adapter = outline is null
            ? AdapterReader.OpenWithoutBase(directory, taskNames)
            : AdapterReader.Open(directory, outline.LinearModules, taskNames, isBundle ? hash(modelDirectory!) : null);
        AdapterSummary summary = AdapterSummary.Create(adapter, outline?.ParameterCount);
        return new AdapterInspection
        {
            Path = directory,
            PeftType = summary.Kind.PeftType(),
            Experts = summary.ExpertCount,
            Rank = summary.Rank,
            ExpertRank = summary.ExpertRank,
            Alpha = summary.Alpha,
            Scaling = summary.Scaling,
            TopK = summary.TopK,
            Parameters = summary.ParameterCount,
            IgnoredParameters = summary.IgnoredParameterCount,
            TrainableShare = summary.TrainableShare,
            IsZero = summary.IsZero,
            Bundle = adapter.Manifest is { } manifest ? InspectedBundle.Of(manifest, adapter) : null,
            Tasks = [.. summary.Tasks.Select(task => new InspectedTask(task.Task.Id, $"{task.Task.Name}", task.DeltaNorm, [.. task.Weights.Select(weights => weights.ToArray())]))],
            Modules = [.. summary.Modules.Select(module => new InspectedModule(module.Module.Name, module.Module.OutFeatures, module.Module.InFeatures, module.ParameterCount, module.IsZero))],
        };
    }

    public void Print(Terminal terminal)
    {
        TextWriter text = terminal.Out;
        text.WriteLine($"adapter      {Path}");
        if (Bundle is not null)
        {
            text.WriteLine($"bundle       {Bundle.Name} {Bundle.Version}, {Bundle.ContentHash}");
            text.WriteLine($"base model   {Bundle.BaseModelHash}");
            text.WriteLine($"checks       {Bundle.DescribeChecks()}");
        }

        text.WriteLine(FormattableString.Invariant(
            $"experts      {Experts} of rank {ExpertRank} (r = {Rank}), alpha {Alpha}, scaling {Scaling}; {PeftType}{(TopK is { } k ? $", sparse gate of {k}" : "")}"));
        text.WriteLine($"modules      {Modules.Count}: {string.Join(", ", Modules.GroupBy(module => module.Name[(module.Name.LastIndexOf('.') + 1)..]).Select(group => $"{group.Count()} {group.Key}"))}");
        text.WriteLine(FormattableString.Invariant(
            $"parameters   {Parameters:N0}{(IgnoredParameters > 0 ? FormattableString.Invariant($", and {IgnoredParameters:N0} stored that nothing uses") : "")}"));
        text.WriteLine(TrainableShare is { } share
            ? FormattableString.Invariant($"trainable    {100 * share:F3} % of base model and adapter")
            : "trainable    share unknown; give the base model with --model DIR");
        if (IsZero)
            text.WriteLine("warning      every delta is zero: this adapter was never trained");
        ExpertChart.Print(this, terminal);
    }
}

/// <summary>A task of an adapter.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="DeltaNorm">The Frobenius norm of all that it changes.</param>
/// <param name="ExpertWeights">ω: one row for a shared gate, one for each module otherwise.</param>
internal sealed record InspectedTask(int Id, string Name, double DeltaNorm, IReadOnlyList<float[]> ExpertWeights);

/// <summary>An adapted layer.</summary>
internal sealed record InspectedModule(string Name, int OutFeatures, int InFeatures, long Parameters, bool IsZero);
