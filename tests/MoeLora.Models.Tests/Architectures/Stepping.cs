using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

/// <summary>Runs steps and brings their logits to the host.</summary>
internal static class Stepping
{
    /// <summary>One step of one sequence.</summary>
    public static float[][] Feed(this CausalModel model, ModelSequence sequence, ReadOnlySpan<int> tokens, LogitsWanted wanted = LogitsWanted.All, TaskGateRows? gate = null, DeltaSet? deltas = null)
    {
        var batch = new StepBatch();
        batch.Add(sequence, tokens, wanted, gate, deltas);
        return model.Run(batch);
    }

    /// <summary>The whole prompt in one step of a new sequence.</summary>
    public static float[][] Prefill(this CausalModel model, int[] prompt, TaskGateRows? gate = null, DeltaSet? deltas = null)
    {
        using ModelSequence sequence = model.StartSequence(prompt, prompt.Length);
        return model.Feed(sequence, prompt, LogitsWanted.All, gate, deltas);
    }

    public static float[][] Run(this CausalModel model, StepBatch batch)
    {
        using Tensor logits = model.Device.Allocate(DType.F32, Math.Max(1, batch.LogitsRows), model.Config.VocabularySize);
        model.Forward(batch, logits);
        var rows = new float[batch.LogitsRows][];
        for (int row = 0; row < rows.Length; row++)
            model.Device.Download(logits, row, rows[row] = new float[logits.Columns]);
        return rows;
    }

    /// <summary>The largest absolute difference; infinite when a value is not finite, so that no tolerance accepts it.</summary>
    public static float Distance(float[][] expected, float[][] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        float largest = 0;
        for (int row = 0; row < expected.Length; row++)
        {
            Assert.Equal(expected[row].Length, actual[row].Length);
            for (int i = 0; i < expected[row].Length; i++)
            {
                float difference = Math.Abs(expected[row][i] - actual[row][i]);
                largest = float.IsFinite(difference) ? Math.Max(largest, difference) : float.PositiveInfinity;
            }
        }
        return largest;
    }
}
