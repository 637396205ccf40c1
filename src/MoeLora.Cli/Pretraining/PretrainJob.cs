using System.Security.Cryptography;
using System.Text.Json;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Pretraining;
using MoeLora.Training.Reports.Curves;
using MoeLora.Training.Runs;
using MoeLora.Training.Synthesis.Corpora;

namespace MoeLora.Cli.Pretraining;

/// <summary>
/// One <c>moelora pretrain</c>: reads, trains, writes. The model's directory appears when the model is complete; until then its files and a
/// checkpoint are in a directory beside it, from which the same request goes on.
/// </summary>
/// <param name="request">Without problems.</param>
/// <param name="terminal">For what is worth saying while it runs.</param>
/// <param name="time">Says when a checkpoint is due; null for the system's.</param>
internal sealed class PretrainJob(PretrainRequest request, Terminal terminal, TimeProvider? time = null)
{
    private static readonly TimeSpan CheckpointInterval = TimeSpan.FromMinutes(2);

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly string _out = Path.TrimEndingDirectorySeparator(Path.GetFullPath(request.Out));

    private string Unfinished => _out + ".unfinished";

    private string Checkpoint => Path.Combine(Unfinished, "checkpoint.safetensors");

    /// <summary>Everything, on the thread that drives the device.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; when steps were taken, they are kept.</exception>
    public PretrainReport Run(Device device, ProgressSource progress, CancellationToken cancellation)
    {
        try
        {
            return Train(device, progress, cancellation);
        }
        finally
        {
            if (Directory.Exists(Unfinished) && !File.Exists(Checkpoint))
                Directory.Delete(Unfinished, recursive: true);
        }
    }

    private PretrainReport Train(Device device, ProgressSource progress, CancellationToken cancellation)
    {
        progress.Begin("Reading the corpus");
        (int Line, string Text)[] corpus = [.. CorpusFile.Read(request.Corpus)];
        string identity = Identity();
        progress.Begin("Training the tokenizer");
        (ITokenizer tokenizer, int end) = Pretrainer.TrainTokenizer(corpus.Select(line => line.Text), request.Tokenizer, Unfinished);
        progress.Begin("Encoding the corpus");
        IReadOnlyList<TrainingSample> samples = Pretrainer.Encode(corpus, request.Corpus, tokenizer, end, request.Shape.MaxPositions);
        cancellation.ThrowIfCancellationRequested();
        (Network network, TrainingRun run) = Pretrainer.Begin(request.Shape, tokenizer.VocabularySize, end, device, samples, [], request.Training);
        using (network)
        using (run)
        {
            if (File.Exists(Checkpoint))
            {
                TrainingCheckpoint.Restore(Checkpoint, run, identity);
                terminal.Error.WriteLine($"Going on after step {run.Step} from {Checkpoint}");
            }
            progress.Begin("Pre-training");
            var meter = new RunMeter(run, progress);
            TakeSteps(run, meter, identity, cancellation);
            progress.End();
            BaseModelFiles.Write(Unfinished, network);
            if (Directory.Exists(_out))
                Directory.Delete(_out); // empty
            Directory.Move(Unfinished, _out);
            File.Delete(Path.Combine(_out, Path.GetFileName(Checkpoint)));
            return new PretrainReport
            {
                Out = request.Out,
                Parameters = network.ParameterCount,
                Vocabulary = tokenizer.VocabularySize,
                Steps = run.Step,
                Loss = meter.State.SmoothedLoss,
                Tokens = meter.Tokens,
                Seconds = meter.StepTime.TotalSeconds,
                TokensPerSecond = meter.TokensPerSecond,
            };
        }
    }

    private void TakeSteps(TrainingRun run, RunMeter meter, string identity, CancellationToken cancellation)
    {
        long written = _time.GetTimestamp();
        while (run.End is null && !cancellation.IsCancellationRequested)
        {
            run.Advance(meter.Add);
            if (_time.GetElapsedTime(written) < CheckpointInterval)
                continue;
            TrainingCheckpoint.Write(Checkpoint, run, identity);
            written = _time.GetTimestamp();
        }
        if (run.End is not null)
            return;
        if (run.Step > 0)
        {
            TrainingCheckpoint.Write(Checkpoint, run, identity);
            terminal.Error.WriteLine($"Stopped after step {run.Step}. The same command goes on from there; delete {Unfinished} to begin anew.");
        }
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>What makes a run the same run: everything that is asked for, and the corpus.</summary>
    private string Identity()
    {
        using FileStream corpus = File.OpenRead(request.Corpus);
        return JsonSerializer.Serialize(new { CorpusSha256 = Convert.ToHexStringLower(SHA256.HashData(corpus)), request.Tokenizer, request.Shape, request.Training });
    }
}
