using MoeLora.Cli.Pretraining;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors.Cpu;
using MoeLora.Training.Optimization;
using MoeLora.Training.Pretraining;
using MoeLora.Training.Runs;
using MoeLora.Training.Synthesis.Corpora;
using MoeLora.Training.Tokenization;

namespace MoeLora.Cli.Tests.Pretraining;

/// <summary>Runs that are stopped and taken up again. The job asks its clock when training begins, after each step, and after each checkpoint.</summary>
public sealed class PretrainJobTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly StringWriter _said = new();

    public PretrainJobTests() => CorpusFile.Write(_directory.File("corpus.jsonl"), Enumerable.Range(0, 20).Select(i => $"the {i}th text of a small corpus"));

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Run_StoppedAndRunAgain_EndsWithTheSameBits()
    {
        Run(Request("undisturbed"));
        using var cancellation = new CancellationTokenSource();

        Assert.ThrowsAny<OperationCanceledException>(() => Run(Request("stopped"), new Clock(call: 6, cancellation.Cancel), cancellation.Token));
        Assert.False(Path.Exists(_directory.File("stopped")));
        Assert.Contains("Stopped after step 3. The same command goes on from there", _said.ToString());
        PretrainReport report = Run(Request("stopped"));

        Assert.Contains("Going on after step 3", _said.ToString());
        Assert.Equal(6, report.Steps);
        AssertSame("undisturbed", "stopped");
    }

    [Fact]
    public void Run_KilledAfterACheckpoint_GoesOnFromIt()
    {
        Run(Request("undisturbed"));

        // Two minutes pass with each question, so that every step has a checkpoint; the question after step 3 ends it without one.
        Assert.Throws<InvalidOperationException>(() => Run(Request("killed"), new Clock(call: 6, () => throw new InvalidOperationException("killed"))));
        Run(Request("killed"));

        Assert.Contains("Going on after step 2", _said.ToString());
        AssertSame("undisturbed", "killed");
    }

    [Fact]
    public void Run_CancelledBeforeTheFirstStep_LeavesNothing()
    {
        Assert.ThrowsAny<OperationCanceledException>(() => Run(Request("never"), cancellation: new CancellationToken(canceled: true)));
        Assert.Equal(["corpus.jsonl"], Directory.GetFileSystemEntries(_directory.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Run_OfAnotherRequest_DoesNotTakeUpTheFirst()
    {
        using var cancellation = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Run(Request("base"), new Clock(call: 3, cancellation.Cancel), cancellation.Token));
        PretrainRequest other = Request("base") with { Training = Request("base").Training with { Seed = 9 } };

        CheckpointException exception = Assert.Throws<CheckpointException>(() => Run(other));

        Assert.Contains("is a checkpoint of a run with another configuration", exception.Message);
        Assert.Equal(6, Run(Request("base")).Steps);
    }

    private PretrainRequest Request(string name) => new()
    {
        Corpus = _directory.File("corpus.jsonl"),
        Out = _directory.File(name),
        Tokenizer = new BytePairOptions { VocabularySize = 280 },
        Shape = new BaseModelShape { Hidden = 16, Layers = 1, Heads = 2, KeyValueHeads = 1, Intermediate = 24, MaxPositions = 32 },
        Training = new TrainingSettings { Steps = 6, BatchSize = 4, Optimizer = new OptimizerSettings { LearningRate = 1e-2 } },
    };

    private PretrainReport Run(PretrainRequest request, TimeProvider? time = null, CancellationToken cancellation = default)
    {
        using var device = new CpuDevice(threads: 1);
        return new PretrainJob(request, new Terminal { Out = TextWriter.Null, Error = _said }, time).Run(device, new ProgressSource(), cancellation);
    }

    private void AssertSame(string first, string second)
    {
        foreach (string file in (string[])["config.json", "model.safetensors", "tokenizer.json"])
            Assert.Equal(File.ReadAllBytes(Path.Combine(_directory.File(first), file)), File.ReadAllBytes(Path.Combine(_directory.File(second), file)));
        Assert.Equal(3, Directory.GetFiles(_directory.File(second)).Length);
        Assert.False(Path.Exists(_directory.File(second) + ".unfinished"));
    }

    /// <summary>A clock on which two minutes pass between two questions, and which does something at one of them.</summary>
    private sealed class Clock(int call, Action act) : TimeProvider
    {
        private int _calls;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp()
        {
            if (++_calls == call)
                act();
            return _calls * 120L;
        }
    }
}
