using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Optimization;
using MoeLora.Training.Parameters;
using MoeLora.Training.Randomness;
using MoeLora.Training.Sampling;

namespace MoeLora.Training.Runs;

/// <summary>
/// Trains an adaptation, or a whole network, by Algorithm 1 of the paper: samples drawn over all tasks, the loss on their answers only, AdamW. All
/// randomness depends on the seed and the step's number, so a run that is restored from a checkpoint goes on exactly as it would have.
/// </summary>
public sealed class TrainingRun : IDisposable
{
    private readonly Network _network;
    private readonly Adaptation _adaptation;
    private readonly IReadOnlyList<TrainingSample> _train;
    private readonly List<PackedBatch> _validation;
    private readonly TaskSampler _sampler;
    private readonly Optimizer _optimizer;

    /// <summary>Begins before step 1 with the parameters as they are.</summary>
    /// <param name="network">The base model; its own weights are trained too when it was made to be.</param>
    /// <param name="adaptation">What is trained.</param>
    /// <param name="train">At least one sample.</param>
    /// <param name="validation">For early stopping; may be empty when the settings do not validate.</param>
    /// <param name="settings">How.</param>
    public TrainingRun(Network network, Adaptation adaptation, IReadOnlyList<TrainingSample> train, IReadOnlyList<TrainingSample> validation, TrainingSettings settings)
    {
        if (settings.FindProblems().FirstOrDefault() is { } problem)
            throw new ArgumentException(problem, nameof(settings));
        if (settings.ValidationInterval > 0 && validation.Count == 0)
            throw new ArgumentException("validation_interval is set, but there are no validation samples.", nameof(validation));
        Parameters = [.. network.Parameters, .. adaptation.Parameters];
        if (Parameters.Count == 0)
            throw new ArgumentException("There is nothing to train: the base model is frozen and the method has no parameters.", nameof(adaptation));
        (_network, _adaptation, _train, Settings) = (network, adaptation, train, settings);
        _validation = PackedBatch.Pack(validation.OrderBy(sample => sample.Tokens.Length), settings.PassRows);
        _sampler = new TaskSampler(train, settings.Sampler, settings.BatchSize, settings.Seed, settings.Temperature);
        _optimizer = new Optimizer(Parameters, settings.Optimizer);
        foreach (Parameter parameter in Parameters)
            parameter.ClearGradient();
    }

    /// <summary>How it trains.</summary>
    public TrainingSettings Settings { get; }

    /// <summary>What is trained.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Steps taken.</summary>
    public long Step { get; private set; }

    /// <summary>The lowest validation loss so far, and the step after which it was measured.</summary>
    public (double Loss, long Step)? Best { get; private set; }

    /// <summary>Validations since <see cref="Best"/>.</summary>
    public int ValidationsSinceBest { get; private set; }

    /// <summary>The parameters' values at <see cref="Best"/>, in their order; null without validation.</summary>
    internal IReadOnlyList<float[]>? BestValues { get; private set; }

    internal Optimizer Optimizer => _optimizer;

    internal int SampleCount => _train.Count;

    /// <summary>Why the run is over, or null while steps remain.</summary>
    public TrainingEnd? End =>
        Step >= Settings.Steps ? TrainingEnd.Complete
        : Settings.Patience > 0 && ValidationsSinceBest >= Settings.Patience ? TrainingEnd.EarlyStop
        : null;

    /// <summary>Takes the next step, and validates where that is due.</summary>
    /// <param name="events">Told what happened.</param>
    /// <exception cref="TrainingDivergedException">The loss or the gradient is not finite; the step was not taken.</exception>
    public void Advance(Action<TrainingEvent> events)
    {
        if (End is not null)
            throw new InvalidOperationException("The run is over.");
        long step = Step + 1, start = TimeProvider.System.GetTimestamp();
        TrainingSample[] samples = Array.ConvertAll(_sampler.Draw(step), i => _train[i]);
        List<PackedBatch> passes = PackedBatch.Pack(samples, Settings.PassRows);
        int targets = samples.Sum(sample => sample.TargetCount);
        double loss = 0;
        for (int i = 0; i < passes.Count; i++)
            loss += _network.Accumulate(passes[i], _adaptation, 1f / targets, DropoutSeed(step, i));
        loss /= targets;
        double norm = _optimizer.GradientNorm();
        if (!double.IsFinite(loss) || !double.IsFinite(norm))
        {
            foreach (Parameter parameter in Parameters)
                parameter.ClearGradient();
            throw new TrainingDivergedException(step, loss, norm);
        }
        double rate = _optimizer.Step(step, Settings.Steps, norm);
        Step = step;
        events(new StepTaken(step, loss, rate, norm, passes.Sum(pass => (long)pass.Rows), TimeProvider.System.GetElapsedTime(start)));
        if (Settings.ValidationInterval > 0 && (step % Settings.ValidationInterval == 0 || step == Settings.Steps))
            Validate(events);
    }

    /// <summary>Trains to the end, with the best parameters of all validations in place afterwards.</summary>
    /// <param name="events">Told what happened, after each step.</param>
    /// <param name="cancellation">Stops between two steps.</param>
    public TrainingEnd Complete(Action<TrainingEvent> events, CancellationToken cancellation = default)
    {
        while (End is null)
        {
            cancellation.ThrowIfCancellationRequested();
            Advance(events);
        }
        UseBest();
        return End.Value;
    }

    /// <summary>Puts the parameters of the lowest validation loss in place, if the run validates.</summary>
    public void UseBest()
    {
        for (int i = 0; BestValues is not null && i < Parameters.Count; i++)
            Parameters[i].Set(BestValues[i]);
    }

    /// <summary>Mean cross-entropy of samples' target tokens, in nats.</summary>
    public static double MeanLoss(Network network, Adaptation adaptation, IReadOnlyList<PackedBatch> batches) =>
        batches.Sum(batch => network.Evaluate(batch, adaptation)) / batches.Sum(batch => (double)batch.Targets.Length);

    /// <inheritdoc/>
    public void Dispose() => _optimizer.Dispose();

    /// <summary>Takes the place of a run that was saved; parameters and moments are set by the caller.</summary>
    internal void Restore(long step, (double Loss, long Step)? best, int validationsSinceBest, IReadOnlyList<float[]>? bestValues) =>
        (Step, Best, ValidationsSinceBest, BestValues) = (step, best, validationsSinceBest, bestValues);

    private void Validate(Action<TrainingEvent> events)
    {
        double loss = MeanLoss(_network, _adaptation, _validation);
        bool isBest = double.IsFinite(loss) && (Best is null || loss < Best.Value.Loss);
        ValidationsSinceBest = isBest ? 0 : ValidationsSinceBest + 1;
        if (isBest)
        {
            Best = (loss, Step);
            BestValues = [.. Parameters.Select(parameter => parameter.ToArray())];
        }
        events(new Validated(Step, loss, isBest));
    }

    private ulong DropoutSeed(long step, int pass) => SeedMix.Of(SeedMix.Of((uint)Settings.Seed, (ulong)step), (ulong)pass);
}
