using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Cli.Running;

/// <summary>A model with what makes it answer as one task: nothing (base or merged), or the expert bank and the task's gate (shared).</summary>
internal readonly record struct TaskModel(CausalModel Model, DeltaSet? Deltas = null, TaskGateRows? Gate = null)
{
    /// <summary>Logits of every token of a prompt, [tokens, vocabulary] row-major.</summary>
    /// <exception cref="CommandException">The prompt does not suit the model.</exception>
    public float[] Logits(ReadOnlySpan<int> prompt)
    {
        using ModelSequence sequence = Start(prompt);
        int vocabulary = Model.Config.VocabularySize;
        using Tensor logits = Model.Device.Allocate(DType.F32, prompt.Length, vocabulary);
        var batch = new StepBatch { Deltas = Deltas };
        batch.Add(sequence, prompt, LogitsWanted.All, Gate);
        Model.Forward(batch, logits);
        float[] values = new float[checked(prompt.Length * vocabulary)];
        for (int row = 0; row < prompt.Length; row++)
            Model.Device.Download(logits, row, values.AsSpan(row * vocabulary, vocabulary));
        return values;
    }

    private ModelSequence Start(ReadOnlySpan<int> prompt)
    {
        try
        {
            return Model.StartSequence(prompt, prompt.Length);
        }
        catch (ArgumentException e)
        {
            // The parameter's name means nothing on a command line.
            throw new CommandException(e.ParamName is null ? e.Message : e.Message.Replace($" (Parameter '{e.ParamName}')", ""));
        }
    }
}
