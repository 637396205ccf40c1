using MoeLora.Training.Optimization;
using MoeLora.Training.Parameters;
using MoeLora.Training.Runs;
using MoeLora.Training.Tests.Networks;

namespace MoeLora.Training.Tests.Runs;

public sealed class TrainingRunTests : IDisposable
{
    private readonly TinyModel _model = new(TinyModel.Llama);

    public void Dispose() => _model.Dispose();

    [Theory]
    [InlineData(150, false)]
    [InlineData(60, true)]
    public void Complete_OnAToyProblem_LearnsIt(int steps, bool trainsBase)
    {
        using var toy = new ToyRun(_model, ToyRun.Settings with { Steps = steps, Optimizer = new OptimizerSettings { LearningRate = 0.02 } }, trainsBase: trainsBase);

        Assert.Equal(TrainingEnd.Complete, toy.Run.Complete(toy.Events.Add));

        // ln 27 or more in the beginning; (ln 5 + ln 11) / 4 = 1.0 for a model that knows which answers each task has, but not the prompt's part in them.
        Assert.True(toy.Losses.First() > 2.5, $"It began at {toy.Losses.First()}.");
        Assert.True(toy.Losses.TakeLast(5).Average() < 0.7, $"It ended at {toy.Losses.TakeLast(5).Average()}.");
    }

    [Fact]
    public void Advance_TellsLossRateNormAndTokens()
    {
        using var toy = new ToyRun(_model);

        toy.Advance(3);

        Assert.Equal([typeof(StepTaken), typeof(StepTaken), typeof(StepTaken), typeof(Validated)], toy.Events.Select(e => e.GetType()));
        Assert.Equal([1, 2, 3, 3], toy.Events.Select(e => e.Step));
        var step = (StepTaken)toy.Events[0];
        Assert.Equal(8 * 4, step.Tokens);
        Assert.Equal(0.5e-2, step.LearningRate, 1e-9);
        Assert.True(step.GradientNorm > 0);
    }

    [Fact]
    public void Training_OfAnAdaptation_LeavesTheBaseAsItWas()
    {
        using var toy = new ToyRun(_model);
        double before = toy.BaseLoss();

        toy.Advance(8);

        Assert.Equal(before, toy.BaseLoss());
    }

    [Fact]
    public void Passes_OfOtherSizes_ChangeResultsByRoundingOnly()
    {
        using ToyRun small = new(_model, ToyRun.Settings with { PassRows = 4 }, trainsBase: true), large = new(_model, ToyRun.Settings with { PassRows = 1000 }, trainsBase: true);

        double[] losses = [.. small.Advance(8).Losses], others = [.. large.Advance(8).Losses];

        for (int i = 0; i < losses.Length; i++)
            Assert.Equal(losses[i], others[i], 1e-3 * losses[i]); // float rounding, grown over eight steps
    }

    [Fact]
    public void Complete_WhenValidationDoesNotImprove_StopsEarly_WithTheBestValues()
    {
        TrainingSettings settings = ToyRun.Settings with { Steps = 50, ValidationInterval = 1, Patience = 3, Optimizer = new OptimizerSettings { LearningRate = 1, ClipNorm = null } };
        using var toy = new ToyRun(_model, settings);
        float[][]? best = null;

        TrainingEnd end = toy.Run.Complete(e =>
        {
            toy.Events.Add(e);
            if (e is Validated { IsBest: true })
                best = toy.Values;
        });

        Assert.Equal(TrainingEnd.EarlyStop, end);
        Validated[] validations = [.. toy.Events.OfType<Validated>()];
        Assert.Equal(4, validations.Length - Array.FindLastIndex(validations, v => v.IsBest)); // three more after the best
        Assert.Equal((validations.Min(v => v.Loss), validations.MinBy(v => v.Loss)!.Step), toy.Run.Best);
        Assert.Equal(best, toy.Values);
    }

    [Fact]
    public void Advance_WhenTheLossIsNotANumber_LeavesEverythingAsItWas()
    {
        using ToyRun toy = new ToyRun(_model).Advance(2), undisturbed = new ToyRun(_model).Advance(3);
        Parameter poisoned = toy.Run.Parameters[0];
        float[] values = poisoned.ToArray();
        poisoned.Set([float.NaN, .. values[1..]]);
        float[][] before = toy.Values;

        var diverged = Assert.Throws<TrainingDivergedException>(() => toy.Advance(3));

        Assert.Equal((3, 2), (diverged.Step, toy.Run.Step));
        Assert.Equal(before, toy.Values);
        // Moments and gradients too: with the value mended, the run goes on as if nothing had been.
        poisoned.Set(values);
        toy.Advance(3);
        Assert.Equal(undisturbed.Losses, toy.Losses);
        Assert.Equal(undisturbed.Values, toy.Values);
    }

    [Fact]
    public void Settings_ListEverythingThatIsWrong()
    {
        var settings = new TrainingSettings { Steps = 0, BatchSize = 0, PassRows = 0, Temperature = 0, ValidationInterval = -1, Patience = -1, Optimizer = new OptimizerSettings { LearningRate = 0 } };

        Assert.Equal(["steps", "batch_size", "pass_rows", "temperature", "validation_interval", "patience", "learning_rate"], settings.FindProblems().Select(problem => problem.Split(' ')[0]));
        Assert.Contains("validation_interval", Assert.Single(new TrainingSettings { Patience = 2 }.FindProblems()));
        Assert.Empty(new TrainingSettings().FindProblems());
    }
}
