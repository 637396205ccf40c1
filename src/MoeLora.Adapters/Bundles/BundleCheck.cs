namespace MoeLora.Adapters.Bundles;

/// <summary>A prompt as one task reads it.</summary>
/// <param name="Task">The task.</param>
/// <param name="Tokens">Token ids, complete: nothing is added to them.</param>
public readonly record struct CheckPrompt(AdapterTask Task, IReadOnlyList<int> Tokens);

/// <summary>A token's score.</summary>
/// <param name="Token">Its id.</param>
/// <param name="Logit">Before the softmax.</param>
public readonly record struct TokenLogit(int Token, float Logit);

/// <summary>What an adapter answers to one prompt of one task, computed with F32 weights in shared form. Immutable.</summary>
/// <param name="TaskId">The task.</param>
/// <param name="Prompt">Token ids, complete.</param>
/// <param name="Likeliest">
/// The largest logits after the prompt's last token, largest first and of equals the lower id: the whole vocabulary, at most
/// <see cref="MaxLikeliest"/>.
/// </param>
/// <param name="LogSumExp">log Σ exp(logit) over the whole vocabulary: what the logits that are not kept add up to.</param>
/// <param name="Answer">The greedy answer's first tokens, at most <see cref="MaxAnswer"/>; it ends early with an end token.</param>
public sealed record BundleCheck(int TaskId, IReadOnlyList<int> Prompt, IReadOnlyList<TokenLogit> Likeliest, double LogSumExp, IReadOnlyList<int> Answer)
{
    /// <summary>The most logits that a check keeps.</summary>
    public const int MaxLikeliest = 64;

    /// <summary>The most tokens of an answer that a check keeps.</summary>
    public const int MaxAnswer = 8;

    /// <summary>What is wrong with the checks of an adapter with these tasks; a bundle has at least one check of each task.</summary>
    internal static IEnumerable<string> FindFaults(IReadOnlyList<BundleCheck> checks, int taskCount)
    {
        for (int i = 0; i < checks.Count; i++)
        {
            foreach (string fault in checks[i].FindFaults(taskCount))
                yield return $"check {i + 1}: {fault}";
        }

        foreach (int task in Enumerable.Range(1, taskCount).Except(checks.Select(check => check.TaskId)))
            yield return $"task {task} has no check.";
    }

    private IEnumerable<string> FindFaults(int taskCount)
    {
        if (TaskId < 1 || TaskId > taskCount)
            yield return $"task {TaskId} is not one of the tasks 1 to {taskCount}.";
        if (Prompt.Count == 0 || Prompt.Any(id => id < 0))
            yield return "the prompt must have tokens, whose ids are 0 or more.";
        if (Answer.Count is 0 or > MaxAnswer || Answer.Any(id => id < 0))
            yield return $"the answer must have 1 to {MaxAnswer} tokens, whose ids are 0 or more.";
        if (Likeliest.Count is 0 or > MaxLikeliest || Likeliest.Any(token => token.Token < 0 || !float.IsFinite(token.Logit)) || Likeliest.DistinctBy(token => token.Token).Count() != Likeliest.Count)
            yield return $"it must have 1 to {MaxLikeliest} finite logits of different tokens.";
        else if (Likeliest.Zip(Likeliest.Skip(1)).Any(pair => !(pair.First.Logit > pair.Second.Logit || (pair.First.Logit == pair.Second.Logit && pair.First.Token < pair.Second.Token))))
            yield return "the logits are not in order: the largest first, of equals the lower id.";
        else if (Answer.Count > 0 && Answer[0] != Likeliest[0].Token)
            yield return $"the answer begins with {Answer[0]}, but the likeliest token is {Likeliest[0].Token}.";
        if (!double.IsFinite(LogSumExp))
            yield return "log_sum_exp is not finite.";
    }
}
