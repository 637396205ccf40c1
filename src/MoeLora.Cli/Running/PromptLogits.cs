using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Cli.Running;

/// <summary>The logits of a whole prompt.</summary>
internal static class PromptLogits
{
    /// <summary>Logits of every token of a prompt, [tokens, vocabulary] row-major.</summary>
    /// <exception cref="CommandException">The prompt does not suit the model.</exception>
    public static float[] Logits(this TaskModel task, ReadOnlySpan<int> prompt)
    {
        CausalModel model = task.Model;
        if (model.FindPromptProblem(prompt) is { } problem)
            throw new CommandException(problem);
        using ModelSequence sequence = model.StartSequence(prompt, prompt.Length);
        int vocabulary = model.Config.VocabularySize;
        using Tensor logits = model.Device.Allocate(DType.F32, prompt.Length, vocabulary);
        var batch = new StepBatch();
        batch.Add(sequence, prompt, LogitsWanted.All, task.Gate, task.Deltas);
        model.Forward(batch, logits);
        float[] values = new float[checked(prompt.Length * vocabulary)];
        for (int row = 0; row < prompt.Length; row++)
            model.Device.Download(logits, row, values.AsSpan(row * vocabulary, vocabulary));
        return values;
    }
}
