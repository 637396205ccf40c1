using System.Globalization;
using System.Security.Cryptography;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;
using MoeLora.Training.Configuration;
using MoeLora.Training.Experiments;
using MoeLora.Training.Methods;
using MoeLora.Training.Networks;
using MoeLora.Training.Records;
using MoeLora.Training.Reports;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Runs;
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
    /// <summary>What a configuration says of all cells.</summary>
    public static MethodSettings SettingsOf(TrainingConfiguration configuration) => new()
    {
        Experts = configuration.Experts,
        Training = configuration.Training,
        Format = configuration.Format,
        MaxNewTokens = configuration.MaxTargetTokens,
        VirtualTokens = configuration.VirtualTokens,
    };

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
        progress.Begin("Loading the base model");
        using Network network = NetworkLoader.Load(configuration.Model, device, configuration.Weights ?? DType.F32);
        network.Checkpointing = configuration.GradientCheckpointing;

        string file = Path.Combine(configuration.Out, "results.json");
        ExperimentResults results = Begin(file, data, network);
        using var runner = new ExperimentRunner(network, tokenizer, data, SettingsOf(configuration), segmenter);
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

    private ExperimentResults Begin(string file, MethodData data, Network network)
    {
        var results = new ExperimentResults
        {
            Title = title,
            Tasks = data.Tasks.Names,
            Experts = configuration.Experts.ExpertCount,
            Rank = configuration.Experts.Rank,
            Sampler = SamplerNames.Of(configuration.Training.Sampler),
            Settings = [.. Settings(data, network)],
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

    private IEnumerable<ExperimentSetting> Settings(MethodData data, Network network)
    {
        TrainingSettings training = configuration.Training;
        return
        [
            new("base model", string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(Path.GetFullPath(configuration.Model))}, {network.ParameterCount:N0} parameters, {BaseModelHash.Hash(configuration.Model)[..12]}")),
            new("training records", $"{data.Train.Count}, {HashOf(configuration.Train)}"),
            new("validation records", $"{data.Validation.Count}, {HashOf(configuration.Validation!)}"),
            new("test records", $"{data.Test.Count}, {HashOf(test)}"),
            new("steps", Text(training.Steps)),
            new("batch size", Text(training.BatchSize)),
            new("learning rate", training.Optimizer.LearningRate.ToString(CultureInfo.InvariantCulture)),
            new("warm-up steps", Text(training.Optimizer.WarmupSteps)),
            new("alpha", configuration.Experts.Alpha.ToString(CultureInfo.InvariantCulture)),
            new("dropout", configuration.Experts.Dropout.ToString(CultureInfo.InvariantCulture)),
            new("validation every", $"{training.ValidationInterval} steps; the best parameters are used"),
            new("patience", Text(training.Patience)),
            new("weights of the base", (configuration.Weights ?? DType.F32).Name()),
            new("words for ROUGE-L", jieba is null ? "built-in dictionary" : "jieba's dictionary"),
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
