using System.Diagnostics;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;
using MoeLora.Training.Batches;
using MoeLora.Training.Configuration;
using MoeLora.Training.Networks;
using MoeLora.Training.Outputs;
using MoeLora.Training.Records;
using MoeLora.Training.Reports.Curves;
using MoeLora.Training.Runs;
using MoeLora.Training.Samples;

namespace MoeLora.Cli.Training;

/// <summary>One run of <c>moelora train</c>: reads, trains, writes.</summary>
/// <param name="configuration">Without problems, and with a format for the weights.</param>
/// <param name="directory">Where the run may begin or go on.</param>
/// <param name="resumes">Whether it goes on.</param>
/// <param name="terminal">For what is worth saying while it runs.</param>
internal sealed class TrainingJob(TrainingConfiguration configuration, TrainingDirectory directory, bool resumes, Terminal terminal)
{
    private readonly RecordProblems _leftOut = new();
    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>Everything, on the thread that drives the device.</summary>
    public TrainingReport Run(Device device, ProgressSource progress, CancellationToken cancellation)
    {
        ITokenizer tokenizer = TokenizerReader.Read(configuration.Model).Require();
        progress.Begin("Reading records");
        var reader = new ConfiguredRecords(configuration, _leftOut);
        IReadOnlyList<PromptRecord> trainRecords = reader.Read(configuration.Train, tokenizer);
        IReadOnlyList<PromptRecord> validationRecords = configuration.Validation is { } validationFile ? reader.Read(validationFile, tokenizer) : [];
        TaskSet tasks = TaskSet.Of(trainRecords);

        progress.Begin("Loading the base model");
        using Network network = NetworkLoader.Load(configuration.Model, device, configuration.Weights!.Value, new LoadReport(progress));
        network.Checkpointing = configuration.GradientCheckpointing;
        using TrainedMethod method = Create(configuration, network, tokenizer, tasks);
        progress.Begin("Encoding records");
        IReadOnlyList<TrainingSample> train = reader.Encode(trainRecords, method.Encoder, cancellation);
        IReadOnlyList<TrainingSample> validation = validationRecords.Count > 0 ? reader.Encode(validationRecords, method.Encoder, cancellation) : [];
        progress.Begin("Hashing the base model");
        string hash = BaseModelHash.Hash(configuration.Model, (done, total) => progress.Report((double)done / total), cancellation);
        progress.End();
        if (_leftOut.Count > 0)
            terminal.Error.WriteLine($"{_leftOut}\n{_leftOut.BadLines} lines are left out.");

        using var run = new TrainingRun(network, method.Adaptation, train, validation, configuration.Training);
        string identity = TrainingDirectory.Identity(configuration, hash, tasks, train, validation);
        if (resumes && File.Exists(directory.Checkpoint))
            TrainingCheckpoint.Restore(directory.Checkpoint, run, identity);
        directory.WriteConfiguration(configuration);
        long trainable = run.Parameters.Sum(parameter => parameter.Count);
        progress.Begin("Training");
        using var recorder = new RunRecorder(directory.Metrics, run, progress);
        var loop = new TrainingLoop(run, () => TrainingCheckpoint.Write(directory.Checkpoint, run, identity), configuration.CheckpointInterval, recorder);
        RunEnd end;
        try
        {
            end = loop.Run(cancellation);
            if (end != RunEnd.Stopped)
                recorder.End(run.Step, end == RunEnd.Complete ? "all steps taken" : "stopped early, the validation loss fell no more");
        }
        finally
        {
            // Also of a run that diverged: its curves show how.
            TrainingCurves.Write(MetricsFile.Read(directory.Metrics), $"Training of {Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory.Path)))}", directory.Path);
        }

        progress.End();
        if (end != RunEnd.Stopped)
        {
            run.UseBest();
            method.Write(directory);
        }

        string trained = method.IsAdapter ? directory.Adapter : directory.Parameters;
        return new TrainingReport
        {
            Steps = run.Step,
            End = end,
            Loss = recorder.Meter.State.Loss,
            ValidationLoss = run.Best?.Loss,
            BestStep = run.Best?.Step,
            TokensPerSecond = recorder.Meter.TokensPerSecond,
            TrainableParameters = trainable,
            TotalParameters = network.ParameterCount + trainable,
            Samples = train.Count,
            SkippedLines = _leftOut.BadLines,
            Seconds = Stopwatch.GetElapsedTime(_start).TotalSeconds,
            Paths = new OutputPaths(directory.Path, directory.Configuration, directory.Metrics, directory.Curves, directory.Checkpoint, end == RunEnd.Stopped ? null : trained),
        };
    }

    private static TrainedMethod Create(TrainingConfiguration configuration, Network network, ITokenizer tokenizer, TaskSet tasks)
    {
        try
        {
            return TrainedMethod.Create(configuration, network, tokenizer, tasks);
        }
        catch (ArgumentException e)
        {
            throw new CommandException(e.Message); // target_modules names layers that this model has not
        }
    }

    private sealed class LoadReport(ProgressSource progress) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => progress.Report((double)value.BytesDone / value.BytesTotal);
    }
}
