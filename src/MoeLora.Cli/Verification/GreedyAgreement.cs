using System.Globalization;
using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Engine.Generation;
using MoeLora.Tensors;

namespace MoeLora.Cli.Verification;

/// <summary>How far greedy answers with rounded weights are a pack's, which were made with F32 weights. Reported, not judged: rounding may part two close tokens.</summary>
/// <param name="Weights">How the weights were kept.</param>
/// <param name="Sequences">Answers: of every task of the pack, merged and shared.</param>
/// <param name="SameSequences">Those that are the pack's to the last token.</param>
/// <param name="Tokens">Tokens of all answers of the pack.</param>
/// <param name="SameTokens">Those before the first other one of each answer.</param>
internal sealed record GreedyAgreement(string Weights, int Sequences, int SameSequences, int Tokens, int SameTokens)
{
    /// <summary>Answers the pack's prompt; null where the pack has no answers.</summary>
    /// <param name="pack">What is expected.</param>
    /// <param name="weights">How to keep the weights.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="progress">Told what is done.</param>
    /// <param name="cancellation">Stops between tasks.</param>
    public static GreedyAgreement? Measure(ReferencePack pack, DType weights, Device device, ProgressSource progress, CancellationToken cancellation)
    {
        if (pack.Expects.Greedy.Count == 0)
            return null;
        using LoadedModel loaded = LoadedModel.Load(pack.Directory, weights, device, progress);
        Adapter adapter = loaded.OpenAdapter(pack.AdapterDirectory);
        using var generator = new Generator(loaded.Model, tokenizer: null);
        using DeviceBank bank = adapter.ToDevice(loaded.Model);
        int sequences = 0, same = 0, tokens = 0, sameTokens = 0;
        foreach ((string id, int[] expected) in pack.Expects.Greedy)
        {
            cancellation.ThrowIfCancellationRequested();
            AdapterTask[] tasks = Array.ConvertAll(TaskSet.Parse(id).Ids, each => adapter.Tasks[each - 1]);
            TaskModel merged = loaded.Merge(adapter, tasks);
            using (merged.Model)
            {
                Add(expected, merged);
                Add(expected, loaded.Share(adapter, bank, tasks));
            }
        }

        return new GreedyAgreement(weights.Name(), sequences, same, tokens, sameTokens);

        void Add(int[] expected, TaskModel task)
        {
            IReadOnlyList<int> actual = GreedyTokens.Generate(generator, task, pack.Expects.Prompts[pack.Expects.GreedyPrompt], expected.Length);
            sequences++;
            same += expected.SequenceEqual(actual) ? 1 : 0;
            tokens += expected.Length;
            sameTokens += expected.Zip(actual).TakeWhile(pair => pair.First == pair.Second).Count();
        }
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"greedy answers with {Weights} weights: {SameSequences} of {Sequences} are the pack's, {SameTokens} of {Tokens} tokens before the first other one (not judged)");
}
