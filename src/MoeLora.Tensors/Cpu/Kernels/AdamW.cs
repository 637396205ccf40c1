using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>One step of AdamW over a run of elements, see <see cref="AdamWStep"/>.</summary>
internal static unsafe class AdamW
{
    /// <summary>The definition.</summary>
    public static void Scalar(float* parameter, float* gradient, float* mean, float* meanSquare, int count, in AdamWStep step)
    {
        (double correction, double squareCorrection) = Corrections(step);
        for (int i = 0; i < count; i++)
        {
            double g = (double)gradient[i] * step.GradientScale;
            double m = (double)step.Beta1 * mean[i] + (1 - (double)step.Beta1) * g;
            double v = (double)step.Beta2 * meanSquare[i] + (1 - (double)step.Beta2) * g * g;
            double update = m / correction / (Math.Sqrt(v / squareCorrection) + step.Epsilon) + (double)step.WeightDecay * parameter[i];
            parameter[i] = (float)(parameter[i] - step.LearningRate * update);
            mean[i] = (float)m;
            meanSquare[i] = (float)v;
        }
    }

    /// <summary>1 − β₁ᵗ and 1 − β₂ᵗ.</summary>
    public static (double Mean, double MeanSquare) Corrections(in AdamWStep step) => (1 - Math.Pow(step.Beta1, step.Step), 1 - Math.Pow(step.Beta2, step.Step));

    /// <summary>The same on rows padded to a multiple of 32; the padding becomes zero. The corrections come from <see cref="Corrections"/>, once for all rows.</summary>
    public static void Run(
        int lanes, float* parameter, float* gradient, float* mean, float* meanSquare, int count, in AdamWStep step, (double Mean, double MeanSquare) corrections)
    {
        if (lanes == Lanes512.Width)
            Run<Lanes512, Vector512<float>>(parameter, gradient, mean, meanSquare, count, step, corrections);
        else
            Run<Lanes256, Vector256<float>>(parameter, gradient, mean, meanSquare, count, step, corrections);
    }

    private static void Run<L, V>(
        float* parameter, float* gradient, float* mean, float* meanSquare, int count, in AdamWStep step, (double Mean, double MeanSquare) corrections)
        where L : struct, ILanes<V>
        where V : struct
    {
        V beta1 = L.Broadcast(step.Beta1), rest1 = L.Broadcast((float)(1 - (double)step.Beta1));
        V beta2 = L.Broadcast(step.Beta2), rest2 = L.Broadcast((float)(1 - (double)step.Beta2));
        V correction = L.Broadcast((float)(1 / corrections.Mean)), squareCorrection = L.Broadcast((float)(1 / corrections.MeanSquare));
        V scale = L.Broadcast(step.GradientScale), epsilon = L.Broadcast(step.Epsilon);
        V decay = L.Broadcast(step.WeightDecay), rate = L.Broadcast(step.LearningRate);
        for (int i = 0; i < count; i += L.Width)
        {
            V theta = L.Load(parameter + i), g = L.Mul(L.Load(gradient + i), scale);
            V m = L.Fma(beta1, L.Load(mean + i), L.Mul(rest1, g));
            V v = L.Fma(beta2, L.Load(meanSquare + i), L.Mul(L.Mul(rest2, g), g));
            V update = L.Div(L.Mul(m, correction), L.Add(L.Sqrt(L.Mul(v, squareCorrection)), epsilon));
            update = L.Fma(decay, theta, update);
            // The masks keep the padding zero, which would be 0 / 0 with ε = 0.
            int columns = count - i;
            L.Store(parameter + i, L.First(L.FmaNegated(rate, update, theta), columns, L.Zero));
            L.Store(mean + i, L.First(m, columns, L.Zero));
            L.Store(meanSquare + i, L.First(v, columns, L.Zero));
        }
    }
}
