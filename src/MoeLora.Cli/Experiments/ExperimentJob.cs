using System.Globalization;
using System.Security.Cryptography;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Configuration;
using MoeLora.Training.Experiments;
using MoeLora.Training.Methods;
using MoeLora.Training.Networks;
using MoeLora.Training.Records;
using MoeLora.Training.Reports;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Samples;
using MoeLora.Training.Sampling;
using MoeLora.Training.Segmentation;

namespace MoeLora.Cli.Experiments;

/// <summary>One <c>moelora experiment</c>: runs the cells that have no result yet, and writes results and report after each.</summary>
/// <param name="configuration">Without problems; its method, gate and seed are those of the cells.</param>
/// <param name="plan">Without problems.</param>
/// <param name="test">File of records to answer.</param>
/// <param name="jieba">jieba's dictionary, or null.</param>
/// <param name="title">Of the report.</param>
/// <param name="terminal">For what is worth saying while it runs.</param>
internal sealed class ExperimentJob(TrainingConfiguration configuration, ExperimentPlan plan, string test, string? jieba, string title, Terminal terminal)
{
    // What a cell says, what the report shows apart, and what changes no result.
    private static readonly string[] NoSettings =
        ["model", "train", "validation", "out", "method", "gate", "rank", "experts", "sampler", "seed", "weights", "device", "threads", "checkpoint_interval", "gradient_checkpointing"];

    /// <summary>Everything that is wrong with a configuration, which is without problems for a training, and a plan.</summary>
    public static IEnumerable<string> FindProblems(TrainingConfiguration configuration, ExperimentPlan plan)
    {
        if (configuration.Validation is null)
            yield return "validation is missing: methods that compose adapters choose by it. Name a file, and a validation_interval.";
        if (configuration.Method != TrainingMethod.MoeLora || configuration.Experts.Gate != GateKind.Shared)
            yield return "method and gate are named by --methods in an experiment; leave them out of the configuration.";
        foreach (string problem in plan.FindProblems(SettingsOf(configuration)))
            yield return problem;
    }

    /// <summary>Everything, on the thread that drives the device.</summary>
    public ExperimentResults Run(Device device, ProgressSource progress, CancellationToken cancellation)
    {
        progress.Begin("Reading records");
        ITokenizer tokenizer = TokenizerReader.Read(configuration.Model).Require();
        IWordSegmenter segmenter = jieba is null ? new BuiltInSegmenter() : new JiebaDictionarySegmenter(jieba);
        var leftOut = new RecordProblems();
        var reader = new ConfiguredRecords(configuration, leftOut);
        IReadOnlyList<PromptRecord> train = reader.Read(configuration.Train, tokenizer);
        var data = new MethodData(TaskSet.Of(train), train, reader.Read(configuration.Validation!, tokenizer), reader.Read(test, tokenizer));
        if (leftOut.Count > 0)
            terminal.Error.WriteLine($"{leftOut}\n{leftOut.BadLines} lines are left out.");
        MethodSettings settings = SettingsOf(configuration);
        progress.Begin("Loading the base model");
        using Network network = NetworkLoader.Load(configuration.Model, device, configuration.Weights ?? DType.F32);
        network.Checkpointing = configuration.GradientCheckpointing;
        RequireModules(network);
        progress.Begin("Encoding records");
        data.FindProblems(new SampleEncoder(network, tokenizer, data.Tasks, settings.Format) { CutInputTokens = settings.CutInputTokens, CutTargetTokens = settings.CutTargetTokens }, settings.MaxNewTokens).ThrowIfAny();

        string file = Path.Combine(configuration.Out, "results.json");
        ExperimentResults results = Begin(file, data, network, cancellation);
        using var runner = new ExperimentRunner(network, tokenizer, data, settings, segmenter);
        CellKey[] cells = [.. plan.Cells().Where(cell => results.Find(cell)?.Status != CellStatus.Done)];
        for (int i = 0; i < cells.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            string what = $"Cell {i + 1} of {cells.Length}, {cells[i]}";
            progress.Begin(what);
            ExperimentCell cell = runner.Run(cells[i], (_, happened) => progress.Report((double)happened.Step / configuration.Training.Steps), cancellation);
            terminal.Error.WriteLine($"{what}: {Describe(cell, results.Tasks)}");
            results = results.With(cell);
            ResultsFile.Write(file, results);
            ExperimentReport.Write(results, configuration.Out);
        }
        progress.End();
        ExperimentReport.Write(results, configuration.Out);
        return results;
    }

    /// <summary>What a configuration says of all cells.</summary>
    private static MethodSettings SettingsOf(TrainingConfiguration configuration)
    {
        var settings = new MethodSettings
        {
            Experts = configuration.Experts with { TopK = null },
            Training = configuration.Training,
            Format = configuration.Format,
            CutInputTokens = configuration.OverLong == OverLong.Cut ? configuration.MaxInputTokens : null,
            CutTargetTokens = configuration.OverLong == OverLong.Cut ? configuration.MaxTargetTokens : null,
            MaxNewTokens = configuration.MaxTargetTokens,
            VirtualTokens = configuration.VirtualTokens,
        };
        return configuration.Experts.TopK is { } topK ? settings with { SparseTopK = topK } : settings;
    }

    private void RequireModules(Network network)
    {
        try
        {
            AdaptedModules.Choose(network.LinearModules, configuration.Experts.TargetModules);
        }
        catch (ArgumentException e)
        {
            throw new CommandException(e.Message); // target_modules names layers that this model has not
        }
    }

    private ExperimentResults Begin(string file, MethodData data, Network network, CancellationToken cancellation)
    {
        var results = new ExperimentResults
        {
            Title = title,
            Tasks = data.Tasks.Names,
            Experts = configuration.Experts.ExpertCount,
            Rank = configuration.Experts.Rank,
            Sampler = SamplerNames.Of(configuration.Training.Sampler),
            Settings = [.. Settings(data, network, cancellation)],
        };
        Directory.CreateDirectory(configuration.Out);
        if (!File.Exists(file))
            return results;
        ExperimentResults before = ResultsFile.Read(file);
        string[] changed =
        [
            .. results.Settings.Append(new("experts", Text(results.Experts))).Append(new("rank", Text(results.Rank))).Append(new("sampler", results.Sampler))
                .Except(before.Settings.Append(new("experts", Text(before.Experts))).Append(new("rank", Text(before.Rank))).Append(new("sampler", before.Sampler)))
                .Select(setting => $"{setting.Name} {setting.Value}"),
        ];
        if (changed.Length > 0)
            throw new CommandException($"{file} holds results of other settings; now there is {string.Join(", ", changed)}. Use the settings that it began with, or another --out.");
        return before with { Title = title };
    }

    private IEnumerable<ExperimentSetting> Settings(MethodData data, Network network, CancellationToken cancellation)
    {
        string model = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(configuration.Model))), hash = BaseModelHash.Hash(configuration.Model, cancellation: cancellation);
        return
        [
            new("base model", string.Create(CultureInfo.InvariantCulture, $"{model}, {network.ParameterCount:N0} parameters, {hash[..12]}")),
            new("weights of the base", (configuration.Weights ?? DType.F32).Name()),
            new("training records", $"{data.Train.Count}, {HashOf(configuration.Train)}"),
            new("validation records", $"{data.Validation.Count}, {HashOf(configuration.Validation!)}"),
            new("test records", $"{data.Test.Count}, {HashOf(test)}"),
            .. TrainingOptions.All.Where(option => option.Applies(configuration) && !NoSettings.Contains(option.Key))
                .Select(option => new ExperimentSetting(option.Key.Replace('_', ' '), option.Get(configuration)?.ToString() ?? "none")),
            new("words for ROUGE-L", jieba is null ? "built-in dictionary" : $"jieba's dictionary, {HashOf(jieba)}"),
        ];
    }

    private static string Describe(ExperimentCell cell, IReadOnlyList<string> tasks) => cell.Status == CellStatus.Done
        ? string.Create(CultureInfo.InvariantCulture, $"average {cell.Average(tasks):0.0000}, {cell.TrainingSeconds:0} s of training")
        : $"failed: {cell.Failure}";

    private static string HashOf(string path)
    {
        using FileStream stream = File.OpenRead(path);
        return "sha256 " + Convert.ToHexStringLower(SHA256.HashData(stream))[..12];
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
