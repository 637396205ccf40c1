using MoeLora.Models.Checkpoints;
using MoeLora.Training.Runs;
using MoeLora.Training.Tests.Networks;

namespace MoeLora.Training.Tests.Runs;

public sealed class TrainingCheckpointTests : IDisposable
{
    private readonly TinyModel _model = new(TinyModel.Llama);

    public void Dispose() => _model.Dispose();

    private string File => Path.Combine(_model.Directory, "run.safetensors");

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(1, true)]
    public void Resume_AfterAnyStep_GivesTheSameBits(int threads, bool trainsBase)
    {
        using var undisturbed = new ToyRun(_model, threads: threads, trainsBase: trainsBase);
        undisturbed.Run.Complete(undisturbed.Events.Add);

        for (int step = 0; step <= 8; step += trainsBase ? 4 : 1)
        {
            using (ToyRun stopped = new ToyRun(_model, threads: threads, trainsBase: trainsBase).Advance(step))
                TrainingCheckpoint.Write(File, stopped.Run, "c");
            using var resumed = new ToyRun(_model, threads: threads, trainsBase: trainsBase);
            TrainingCheckpoint.Restore(File, resumed.Run, "c");
            Assert.Equal(step, resumed.Run.Step);

            resumed.Run.Complete(resumed.Events.Add);

            Assert.Equal(undisturbed.Losses.Skip(step), resumed.Losses);
            Assert.Equal(undisturbed.Run.Best, resumed.Run.Best);
            Assert.Equal(undisturbed.Values, resumed.Values);
        }
    }

    [Fact]
    public void Write_OverAnOlderCheckpoint_Replaces_AndLeavesNothingElse()
    {
        using var toy = new ToyRun(_model);
        TrainingCheckpoint.Write(File, toy.Run, "c");
        TrainingCheckpoint.Write(File, toy.Advance(2).Run, "c");

        using var resumed = new ToyRun(_model);
        TrainingCheckpoint.Restore(File, resumed.Run, "c");

        Assert.Equal(2, resumed.Run.Step);
        Assert.Equal(["config.json", "model.safetensors", "run.safetensors"], Directory.GetFiles(_model.Directory).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Restore_OfAnotherConfiguration_IsRefused() => Refuses(() => new ToyRun(_model), "other", "another configuration");

    [Fact]
    public void Restore_OfOtherData_IsRefused() => Refuses(() => new ToyRun(_model, samples: 23), "c", "other data");

    [Fact]
    public void Restore_OfOtherParameters_IsRefused() => Refuses(() => new ToyRun(_model, trainsBase: true), "c", "value.model.embed_tokens.weight");

    [Fact]
    public void Restore_OfAnyOtherFile_IsRefused()
    {
        using var toy = new ToyRun(_model);

        Assert.Contains("no training checkpoint", Assert.Throws<CheckpointException>(() => TrainingCheckpoint.Restore(Path.Combine(_model.Directory, "model.safetensors"), toy.Run, "c")).Message);
    }

    private void Refuses(Func<ToyRun> other, string configuration, string message)
    {
        using (ToyRun written = new ToyRun(_model).Advance(2))
            TrainingCheckpoint.Write(File, written.Run, "c");
        using ToyRun run = other();
        float[][] before = run.Values;

        Assert.Contains(message, Assert.Throws<CheckpointException>(() => TrainingCheckpoint.Restore(File, run.Run, configuration)).Message);

        Assert.Equal(0, run.Run.Step);
        Assert.Equal(before, run.Values);
    }
}
