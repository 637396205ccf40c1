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
        if (Model.FindPromptProblem(prompt) is { } problem)
            throw new CommandException(problem);
        using ModelSequence sequence = Model.StartSequence(prompt, prompt.Length);
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

    /// <summary>The likeliest tokens after a prompt, up to and including an end token.</summary>
    /// <exception cref="CommandException">The prompt does not suit the model.</exception>
    public IReadOnlyList<int> Greedy(ReadOnlySpan<int> prompt, int maxTokens)
    {
        if (Model.FindPromptProblem(prompt) is { } problem)
            throw new CommandException(problem);
        using ModelSequence sequence = Model.StartSequence(prompt, prompt.Length + maxTokens);
        using Tensor logits = Model.Device.Allocate(DType.F32, 1, Model.Config.VocabularySize);
        var batch = new StepBatch();
        var tokens = new List<int>();
        ReadOnlySpan<int> next = prompt;
        while (tokens.Count < maxTokens)
        {
            batch.Clear();
            batch.Deltas = Deltas;
            batch.Add(sequence, next, LogitsWanted.Last, Gate);
            Model.Forward(batch, logits);
            int token = Model.Device.ArgMax(logits, 0) ?? throw new CommandException("The logits are not numbers: the model's weights or the adapter are damaged.");
            tokens.Add(token);
            if (Model.Config.EndTokenIds.Contains(token))
                break;
            next = new[] { token };
        }

        return tokens;
    }
}
