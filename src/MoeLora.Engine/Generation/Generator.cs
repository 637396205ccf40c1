using MoeLora.Engine.Sampling;
using MoeLora.Models;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;

namespace MoeLora.Engine.Generation;

/// <summary>
/// Generates one sequence at a time on a base model or its tasks: prefill, then one token a step. Driven by one thread, the same that
/// drives the model's device.
/// </summary>
public sealed class Generator : IDisposable
{
    private readonly CausalModel _base;
    private readonly ITokenizer? _tokenizer;
    private readonly TimeProvider _time;
    private readonly Tensor _logits; // [1, vocabulary]
    private readonly float[] _hostLogits;
    private readonly int[] _next = new int[1];
    private readonly StepBatch _batch = new();
    private readonly Sampler _sampler;

    /// <summary>Creates a generator for <paramref name="baseModel"/> and every task of it.</summary>
    /// <param name="baseModel">It must outlive the generator.</param>
    /// <param name="tokenizer">The model's; null generates token ids only.</param>
    /// <param name="time">For the timings.</param>
    public Generator(CausalModel baseModel, ITokenizer? tokenizer, TimeProvider? time = null)
    {
        _base = baseModel;
        _tokenizer = tokenizer;
        _time = time ?? TimeProvider.System;
        _logits = baseModel.Device.Allocate(DType.F32, 1, baseModel.Config.VocabularySize);
        _hostLogits = new float[baseModel.Config.VocabularySize];
        _sampler = new Sampler(baseModel.Config.VocabularySize);
    }

    /// <summary>Longer prompts are fed in pieces: it bounds the scratch memory of a step, and the time until a cancellation is seen.</summary>
    internal int PromptPiece { get; init; } = 512;

    /// <summary>Generates until something ends it. The output gets every token as soon as it is chosen.</summary>
    /// <param name="task">The base model or one of its tasks.</param>
    /// <param name="prompt">Token ids that <see cref="CausalModel.FindPromptProblem"/> has nothing against.</param>
    /// <param name="settings">Prompt and <see cref="GenerationSettings.MaxTokens"/> together fit the model's context.</param>
    /// <param name="output">Where the tokens go.</param>
    /// <param name="cancellation">Looked at between steps.</param>
    /// <exception cref="ArgumentException">The prompt cannot be used or does not fit, or there are stop strings but no tokenizer.</exception>
    public GenerationResult Run(TaskModel task, ReadOnlySpan<int> prompt, GenerationSettings settings, IGenerationOutput output, CancellationToken cancellation = default)
    {
        settings.Check(_base.Config, _tokenizer);
        long started = _time.GetTimestamp();
        var text = new AnswerText(_tokenizer, settings.Stop);
        int[] endTokens = settings.EndTokens(_base.Config);
        var sampling = new SamplingState(settings.Sampling, prompt, settings.Constraint, endTokens);

        // The last token is never fed, so it needs no position.
        using ModelSequence sequence = task.Model.StartSequence(prompt, checked(prompt.Length + settings.MaxTokens - 1));
        bool alive = Prefill(task, sequence, prompt, cancellation);
        long first = started;
        int count = 0;
        GenerationEnd? end = alive ? null : GenerationEnd.Cancelled;
        while (end is null)
        {
            if (Choose(sampling, count) is not { } token)
            {
                end = GenerationEnd.UnusableLogits;
                break;
            }

            if (count++ == 0)
                first = _time.GetTimestamp();
            bool isEnd = endTokens.AsSpan().Contains(token);
            output.OnToken(token, isEnd ? "" : text.Append(token));
            sampling.Observe(token);
            end = isEnd ? GenerationEnd.EndToken
                : text.Stopped ? GenerationEnd.StopString
                : sampling.IsComplete ? GenerationEnd.Complete
                : count == settings.MaxTokens ? GenerationEnd.MaxTokens
                : cancellation.IsCancellationRequested ? GenerationEnd.Cancelled
                : null;
            if (end is null)
            {
                _next[0] = token;
                Feed(task, sequence, _next, LogitsWanted.Last, LinearOrder.Few);
            }
        }

        if (text.Finish() is { Length: > 0 } rest)
            output.OnRest(rest);
        if (text.Stopped)
            end = GenerationEnd.StopString; // the end of an unfinished character may have completed one
        long ended = _time.GetTimestamp();
        if (count == 0)
            first = ended;
        return new GenerationResult(end.Value, prompt.Length, count, _time.GetElapsedTime(started, first), _time.GetElapsedTime(first, ended));
    }

    /// <inheritdoc/>
    public void Dispose() => _logits.Dispose();

    /// <summary>Feeds the prompt; false when cancelled before its end.</summary>
    private bool Prefill(TaskModel task, ModelSequence sequence, ReadOnlySpan<int> prompt, CancellationToken cancellation)
    {
        // A prompt that is attended in both directions must be fed at once.
        int piece = sequence.VisiblePrefix > 0 ? prompt.Length : PromptPiece;
        for (int start = 0; start < prompt.Length; start += piece)
        {
            if (cancellation.IsCancellationRequested)
                return false;
            ReadOnlySpan<int> tokens = prompt[start..Math.Min(start + piece, prompt.Length)];
            Feed(task, sequence, tokens, start + tokens.Length == prompt.Length ? LogitsWanted.Last : LogitsWanted.None, LinearOrder.Many);
        }

        return true;
    }

    private void Feed(TaskModel task, ModelSequence sequence, ReadOnlySpan<int> tokens, LogitsWanted wanted, LinearOrder order)
    {
        _batch.Clear(); // a step that failed may have left something
        _batch.Order = order;
        _batch.Add(sequence, tokens, wanted, task.Gate, task.Deltas);
        task.Model.Forward(_batch, _logits);
        _batch.Clear(); // keeps no finished sequence alive
    }

    private int? Choose(SamplingState sampling, int position)
    {
        if (sampling.IsPlainArgMax)
            return _base.Device.ArgMax(_logits, 0);
        _base.Device.Download(_logits, 0, _hostLogits);
        return _sampler.Choose(sampling, _hostLogits, position);
    }
}
