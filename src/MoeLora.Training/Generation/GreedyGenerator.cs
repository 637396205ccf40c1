using MoeLora.Tensors;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Networks;

namespace MoeLora.Training.Generation;

/// <summary>A prompt to be answered as a task.</summary>
/// <param name="Tokens">The whole prompt.</param>
/// <param name="TaskId">From 1.</param>
/// <param name="Shape">See <see cref="Network.ShapeOf"/>.</param>
public sealed record GenerationPrompt(int[] Tokens, int TaskId, PromptShape Shape);

/// <summary>
/// Answers many prompts greedily, as a method that is being measured would: any adaptation, no engine. Sequences of similar length run side by
/// side; a finished one makes room for the next.
/// </summary>
/// <param name="network">The base model.</param>
/// <param name="adaptation">What is added to it.</param>
/// <param name="batchSize">Sequences that run side by side.</param>
public sealed class GreedyGenerator(Network network, Adaptation adaptation, int batchSize = 32)
{
    /// <summary>The answer of each prompt, in their order, without the end token; at most <paramref name="maxNewTokens"/> tokens.</summary>
    /// <exception cref="ArgumentException">A prompt does not fit the model together with the tokens asked for.</exception>
    /// <exception cref="NotFiniteNumberException">The model's logits hold a NaN.</exception>
    public IReadOnlyList<int[]> Generate(IReadOnlyList<GenerationPrompt> prompts, int maxNewTokens, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxNewTokens);
        foreach (GenerationPrompt prompt in prompts)
        {
            if (prompt.Tokens.Length == 0 || prompt.Tokens.Length + maxNewTokens > network.Config.MaxPositions)
                throw new ArgumentException($"A prompt of {prompt.Tokens.Length} tokens and {maxNewTokens} new ones do not fit the model's {network.Config.MaxPositions} positions.", nameof(prompts));
        }
        int[][] answers = new int[prompts.Count][];
        var waiting = new Queue<int>(Enumerable.Range(0, prompts.Count).OrderBy(i => prompts[i].Tokens.Length));
        var running = new List<Sequence>();
        var pass = new PassRows();
        try
        {
            while (waiting.Count > 0 || running.Count > 0)
            {
                cancellation.ThrowIfCancellationRequested();
                while (running.Count < batchSize && waiting.TryDequeue(out int index))
                    running.Add(new Sequence(network, index, prompts[index], maxNewTokens));
                pass.Clear();
                foreach (Sequence sequence in running)
                    sequence.AddTo(pass);
                Tensor logits = network.Decode(pass, adaptation);
                for (int i = 0; i < running.Count; i++)
                {
                    int token = network.Device.ArgMax(logits, i) ?? throw new NotFiniteNumberException("The model's logits hold a NaN, so no token can be chosen: what was trained has diverged.");
                    running[i].Take(token, network.Config.EndTokenIds.Contains(token), maxNewTokens);
                }
                foreach (Sequence sequence in running.Where(sequence => sequence.IsFinished))
                {
                    answers[sequence.Index] = [.. sequence.Answer];
                    sequence.Dispose();
                }
                running.RemoveAll(sequence => sequence.IsFinished);
            }
            return answers;
        }
        finally
        {
            running.ForEach(sequence => sequence.Dispose());
        }
    }

    private sealed class Sequence : IDisposable
    {
        private readonly GenerationPrompt _prompt;
        private readonly KvCache _cache;
        private int _length;

        public Sequence(Network network, int index, GenerationPrompt prompt, int maxNewTokens)
        {
            (Index, _prompt) = (index, prompt);
            _cache = network.Device.CreateKvCache(network.Config.LayerCount, network.Config.KeyValueHeadCount, network.Config.HeadDim, prompt.Tokens.Length + maxNewTokens);
        }

        public int Index { get; }

        public List<int> Answer { get; } = [];

        public bool IsFinished { get; private set; }

        public void AddTo(PassRows pass)
        {
            ReadOnlySpan<int> next = _length == 0 ? _prompt.Tokens : [Answer[^1]];
            pass.Add(next, _prompt.TaskId, _prompt.Shape, _cache, _length);
            _length += next.Length;
        }

        public void Take(int token, bool isEnd, int maxNewTokens)
        {
            if (!isEnd)
                Answer.Add(token);
            IsFinished = isEnd || Answer.Count == maxNewTokens;
        }

        public void Dispose() => _cache.Dispose();
    }
}
