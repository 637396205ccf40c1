namespace MoeLora.Cli.Verification;

/// <summary>A batch whose loss and gradients a pack has, as its <c>expected.json</c> says it.</summary>
internal sealed record TrainBatch
{
    /// <summary>Token ids: a prompt, then its answer.</summary>
    public required IReadOnlyList<int[]> InputIds { get; init; }

    /// <summary>−100 for each token of the prompt, then the answer's tokens.</summary>
    public required IReadOnlyList<int[]> Labels { get; init; }

    /// <summary>Of each sample.</summary>
    public required IReadOnlyList<int> TaskId { get; init; }

    /// <summary>Mean cross-entropy of all answers' tokens.</summary>
    public required double Loss { get; init; }

    /// <summary>Tokens of a sample's prompt.</summary>
    public int PromptLength(int sample) => Labels[sample].TakeWhile(label => label == -100).Count();

    /// <summary>Everything that is wrong with it for an adapter of <paramref name="taskCount"/> tasks.</summary>
    public IEnumerable<string> FindProblems(int taskCount)
    {
        if (InputIds.Count == 0 || InputIds.Count != Labels.Count || InputIds.Count != TaskId.Count)
        {
            yield return $"train_batch has {InputIds.Count} input_ids, {Labels.Count} labels and {TaskId.Count} task_id; there must be as many of each.";
            yield break;
        }
        for (int i = 0; i < InputIds.Count; i++)
        {
            int prompt = PromptLength(i);
            if (prompt == 0 || prompt == Labels[i].Length || !InputIds[i].AsSpan(Math.Min(prompt, InputIds[i].Length)).SequenceEqual(Labels[i].AsSpan(prompt)))
                yield return $"train_batch: the labels of sample {i} are not -100 for a prompt and then the rest of its input_ids.";
            if (TaskId[i] < 1 || TaskId[i] > taskCount)
                yield return $"train_batch: sample {i} is of task {TaskId[i]}; the adapter's tasks are 1 to {taskCount}.";
        }
    }
}
