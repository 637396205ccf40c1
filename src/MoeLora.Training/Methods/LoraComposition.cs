using MoeLora.Models;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;
using MoeLora.Training.Runs;

namespace MoeLora.Training.Methods;

/// <summary>One plain LoRA for each task, and the two published ways of putting them together.</summary>
internal sealed class LoraComposition(Network network, IReadOnlyList<ExpertAdaptation> loras)
{
    private const double FirstStep = 0.3, L1 = 0.05, Bound = 1.5; // step and bound cover weights that matter; L1 and bound as LoRAHub has them

    private readonly ExpertSettings _settings = loras[0].Settings;

    /// <summary>
    /// Task-Arithmetic: the deltas summed and scaled, scale · Σ_t (α/r) · B_t · A_t. Stacked LoRAs are the experts of a bank of rank r · tasks.
    /// </summary>
    public ExpertAdaptation Sum(double scale)
    {
        int count = loras.Count, rank = _settings.Rank * count;
        // α/(r · tasks) times the uniform weight 1/tasks must be scale · α/r.
        ExpertSettings settings = _settings with { Gate = GateKind.Uniform, Rank = rank, ExpertCount = count, Alpha = _settings.Alpha * scale * count * count, Dropout = 0 };
        var sum = new ExpertAdaptation(network, settings, loras[0].TaskCount, seed: 0);
        foreach (LinearModule module in sum.Modules)
        {
            float[] a = [.. loras.SelectMany(lora => lora.Layer(module).A.ToArray())];
            float[] b = new float[module.OutFeatures * rank];
            for (int t = 0; t < count; t++)
            {
                float[] own = loras[t].Layer(module).B.ToArray();
                for (int row = 0; row < module.OutFeatures; row++)
                    own.AsSpan(row * _settings.Rank, _settings.Rank).CopyTo(b.AsSpan(row * rank + t * _settings.Rank));
            }
            sum.Layer(module).A.Set(a);
            sum.Layer(module).B.Set(b);
        }
        return sum;
    }

    /// <summary>LoRAHub's composition: A = Σ_t w_t · A_t and B = Σ_t w_t · B_t, one LoRA of the same rank.</summary>
    public void Blend(ReadOnlySpan<double> weights, ExpertAdaptation into)
    {
        foreach (LinearModule module in into.Modules)
        {
            float[] a = new float[into.Layer(module).A.Count], b = new float[into.Layer(module).B.Count];
            for (int t = 0; t < loras.Count; t++)
            {
                Add(loras[t].Layer(module).A.ToArray(), weights[t], a);
                Add(loras[t].Layer(module).B.ToArray(), weights[t], b);
            }
            into.Layer(module).A.Set(a);
            into.Layer(module).B.Set(b);
        }
    }

    /// <summary>
    /// LoRAHub's search without gradients: from weights of zero, a (1+1) evolution strategy with the one-fifth rule minimises the loss on a few
    /// samples plus 0.05 · Σ|w| / tasks, with every weight in ±1.5.
    /// </summary>
    /// <param name="samples">At least one batch.</param>
    /// <param name="trials">Compositions that are measured, that of zero weights included.</param>
    /// <param name="random">Draws the steps.</param>
    /// <param name="cancellation">Stops between two measurements.</param>
    /// <returns>A new adaptation with the best composition found.</returns>
    public ExpertAdaptation Search(IReadOnlyList<PackedBatch> samples, int trials, Random random, CancellationToken cancellation)
    {
        var result = new ExpertAdaptation(network, _settings with { Dropout = 0 }, loras[0].TaskCount, seed: 0);
        try
        {
            Blend(Best(samples, trials, random, result, cancellation), result);
            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    private double[] Best(IReadOnlyList<PackedBatch> samples, int trials, Random random, ExpertAdaptation blend, CancellationToken cancellation)
    {
        double[] best = new double[loras.Count], candidate = new double[loras.Count];
        double lowest = Measure(best), step = FirstStep;
        for (int trial = 1; trial < trials; trial++)
        {
            cancellation.ThrowIfCancellationRequested();
            for (int t = 0; t < candidate.Length; t++)
                candidate[t] = Math.Clamp(best[t] + step * Normal(), -Bound, Bound);
            double loss = Measure(candidate);
            bool better = loss < lowest;
            step *= better ? Math.Exp(0.8 / Math.Sqrt(candidate.Length)) : Math.Exp(-0.2 / Math.Sqrt(candidate.Length));
            if (better)
                (lowest, best, candidate) = (loss, candidate, best);
        }
        return best;

        double Measure(double[] weights)
        {
            Blend(weights, blend);
            return TrainingRun.MeanLoss(network, blend, samples) + L1 * weights.Sum(Math.Abs) / weights.Length;
        }

        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
    }

    private static void Add(float[] values, double weight, float[] sum)
    {
        for (int i = 0; i < values.Length; i++)
            sum[i] += (float)(weight * values[i]);
    }
}
