using MoeLora.Adapters.Experts;
using MoeLora.Models;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Adapters.Bundles;

/// <summary>
/// Computes what an adapter answers to a few prompts, and proves at load time that it still does: that this is the adapter, that it is on
/// its base model, and that its tasks are what they were.
/// </summary>
public static class BundleChecks
{
    /// <summary>Computes the checks of a bundle, in shared form.</summary>
    /// <param name="model">The base model with F32 weights.</param>
    /// <param name="adapter">Read for this model; every task trained.</param>
    /// <param name="prompts">At least one of each task.</param>
    /// <param name="progress">Told after each prompt.</param>
    /// <param name="cancellation">Stops between prompts.</param>
    /// <returns>A check for each prompt, in their order.</returns>
    /// <exception cref="AdapterException">
    /// A task has no prompt or changes nothing, a prompt does not suit the model, logits are not finite, or a check could not fail because
    /// the bare base model answers the same; it lists them all.
    /// </exception>
    /// <exception cref="ArgumentException">The weights are not F32, or the adapter was read for another model.</exception>
    public static IReadOnlyList<BundleCheck> Compute(
        CausalModel model, Adapter adapter, IReadOnlyList<CheckPrompt> prompts, IProgress<CheckProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (model.WeightFormat != DType.F32)
            throw new ArgumentException($"Checks are computed with F32 weights, not {model.WeightFormat.Name()}.", nameof(model));
        var problems = new List<string>(FindZeroDeltas(adapter));
        problems.AddRange(adapter.Tasks.Except(prompts.Select(prompt => prompt.Task)).Select(task => $"task {task} has no check prompt."));
        for (int i = 0; i < prompts.Count; i++)
        {
            if (CheckRun.FindProblem(model, prompts[i].Tokens) is { } problem)
                problems.Add($"check prompt {i + 1}: {problem}");
        }

        ThrowIfAny(problems);
        var checks = new List<BundleCheck>();
        using DeviceBank bank = adapter.ToDevice(model);
        for (int i = 0; i < prompts.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            CheckPrompt prompt = prompts[i];
            if (Ask(model, adapter, bank, prompt) is not { } check)
                problems.Add($"check prompt {i + 1} of task {prompt.Task}: its logits are not finite; the model's weights or the adapter are damaged.");
            else if (CompareAsync(model, null, null, 0, prompt.Task, AdapterForm.Shared, check, DeviceTurns.Inline).GetAwaiter().GetResult() is { Passed: true } bare)
                problems.Add(FormattableString.Invariant($"check prompt {i + 1} of task {prompt.Task}: the bare base model's logits differ by {bare.LogitDifference:0.###e+0} only, which a check cannot tell from rounding ({bare.Tolerance:0.###e+0}). Was the adapter trained?"));
            else
                checks.Add(check);
            progress?.Report(new CheckProgress(i + 1, prompts.Count));
        }

        ThrowIfAny(problems);
        return checks;
    }

    /// <inheritdoc cref="VerifyAsync"/>
    public static BundleVerification Verify(
        CausalModel model, Checkpoint? published, Adapter adapter, IReadOnlyList<BundleCheck> checks, IProgress<CheckProgress>? progress = null, CancellationToken cancellation = default)
    {
        using DeviceBank bank = adapter.ToDevice(model);
        return VerifyAsync(model, published, adapter, bank, checks, DeviceTurns.Inline, progress, cancellation).GetAwaiter().GetResult();
    }

    /// <summary>
    /// Runs every check in both forms. Needs memory for one task's recovered weights. <see cref="Verify"/> does all of it at once; this one in short
    /// pieces, so that the device does other work between them.
    /// </summary>
    /// <param name="model">The base model; the tolerances are those of its weights' format.</param>
    /// <param name="published">Its files, as for <see cref="Recovery.Merge"/>.</param>
    /// <param name="adapter">Read for this model.</param>
    /// <param name="bank">The adapter's bank on the model's device.</param>
    /// <param name="checks">Its bundle's (<see cref="Adapter.Checks"/>).</param>
    /// <param name="turn">Runs each piece.</param>
    /// <param name="progress">Told after each check in both forms.</param>
    /// <param name="cancellation">Stops between prompts.</param>
    /// <exception cref="ArgumentException">The adapter was read for another model.</exception>
    /// <exception cref="CheckpointException">A published weight cannot be read.</exception>
    public static async Task<BundleVerification> VerifyAsync(
        CausalModel model, Checkpoint? published, Adapter adapter, DeviceBank bank, IReadOnlyList<BundleCheck> checks, DeviceTurn turn,
        IProgress<CheckProgress>? progress = null, CancellationToken cancellation = default)
    {
        var faults = new List<string>(adapter.FindNotFinite().Select(name => $"{name} holds NaN or infinity."));
        if (faults.Count == 0)
            faults.AddRange(FindZeroDeltas(adapter));
        faults.AddRange(checks.Count == 0 ? ["there are no checks."] : BundleCheck.FindFaults(checks, adapter.Tasks.Count));
        for (int i = 0; i < checks.Count; i++)
        {
            if (FindProblem(model, checks[i]) is { } problem)
                faults.Add($"check {i + 1}: {problem}");
        }

        if (faults.Count > 0)
            return new BundleVerification(model.WeightFormat, [], faults);
        var results = new List<CheckResult>();
        foreach (IGrouping<int, (BundleCheck Check, int Number)> group in checks.Select((check, i) => (check, i + 1)).GroupBy(item => item.check.TaskId))
        {
            AdapterTask task = adapter.Tasks[group.Key - 1];
            CausalModel merged = await Recovery.MergeAsync(model, published, adapter, [task], turn, cancellation: cancellation);
            try
            {
                foreach ((BundleCheck check, int number) in group)
                {
                    cancellation.ThrowIfCancellationRequested();
                    results.Add(await CompareAsync(model, bank.Deltas, adapter.GateRows(task), number, task, AdapterForm.Shared, check, turn));
                    results.Add(await CompareAsync(merged, null, null, number, task, AdapterForm.Merged, check, turn));
                    progress?.Report(new CheckProgress(results.Count / 2, checks.Count));
                }
            }
            finally
            {
                await turn(merged.Dispose);
            }
        }

        faults.AddRange(results.Where(result => !result.Passed).Select(result => result.Describe()));
        return new BundleVerification(model.WeightFormat, results, faults);
    }

    private static IEnumerable<string> FindZeroDeltas(Adapter adapter) =>
        adapter.FindUntrainedTasks().Select(task => $"task {task} changes nothing: its delta is zero in every layer; the adapter was never trained for it.");

    private static string? FindProblem(CausalModel model, BundleCheck check)
    {
        int vocabulary = model.Config.VocabularySize;
        int largest = check.Likeliest.Select(token => token.Token).Concat(check.Answer).Max();
        return largest >= vocabulary ? $"it has the token {largest}, but the model has tokens up to {vocabulary - 1}." : CheckRun.FindProblem(model, check.Prompt);
    }

    private static BundleCheck? Ask(CausalModel model, Adapter adapter, DeviceBank bank, CheckPrompt prompt)
    {
        using CheckRun run = CheckRun.StartAsync(model, bank.Deltas, adapter.GateRows(prompt.Task), prompt.Tokens, DeviceTurns.Inline).GetAwaiter().GetResult();
        double logSumExp = run.LogSumExp;
        if (!double.IsFinite(logSumExp))
            return null;
        TokenLogit[] likeliest = [.. run.Logits.ToArray().Select((logit, token) => new TokenLogit(token, logit)).OrderByDescending(token => token.Logit).Take(BundleCheck.MaxLikeliest)];
        var answer = new List<int>();
        while (run.Likeliest is { } token)
        {
            answer.Add(token);
            if (answer.Count == BundleCheck.MaxAnswer || model.Config.EndTokenIds.Contains(token))
                return new BundleCheck(prompt.Task.Id, prompt.Tokens, likeliest, logSumExp, answer);
            run.Next(token);
        }

        return null;
    }

    private static async Task<CheckResult> CompareAsync(
        CausalModel model, DeltaSet? deltas, TaskGateRows? gate, int number, AdapterTask task, AdapterForm form, BundleCheck check, DeviceTurn turn)
    {
        CheckRun run = await CheckRun.StartAsync(model, deltas, gate, check.Prompt, turn);
        try
        {
            double tolerance = CheckTolerance.Share(model.WeightFormat) * run.Spread;
            double difference = Math.Abs(run.LogSumExp - check.LogSumExp);
            foreach (TokenLogit expected in check.Likeliest)
                difference = Math.Max(difference, Math.Abs((double)run.Logits[expected.Token] - expected.Logit));

            double shortfall = 0;
            for (int i = 0; i < check.Answer.Count; i++)
            {
                int place = i;
                await turn(() =>
                {
                    if (place > 0)
                        run.Next(check.Answer[place - 1]);
                    double best = run.Likeliest is { } token ? run.Logits[token] : double.NaN;
                    shortfall = Math.Max(shortfall, best - run.Logits[check.Answer[place]]);
                });
            }

            return new CheckResult(number, task, form, Finite(difference), Finite(shortfall), tolerance);
        }
        finally
        {
            await turn(run.Dispose);
        }
    }

    // Math.Max keeps a NaN.
    private static double Finite(double value) => double.IsFinite(value) ? value : double.PositiveInfinity;

    private static void ThrowIfAny(List<string> problems)
    {
        if (problems.Count > 0)
            throw new AdapterException("The adapter", problems);
    }
}
