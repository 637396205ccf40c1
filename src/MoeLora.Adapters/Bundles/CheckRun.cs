using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Adapters.Bundles;

/// <summary>One prompt and the tokens behind it, fed to a model token by token as in decoding: the logits after the last of them.</summary>
internal sealed class CheckRun : IDisposable
{
    // Few, so that an engine's other sequences wait for one piece no longer than for a step of their own.
    private const int PieceTokens = 32;

    private readonly CausalModel _model;
    private readonly DeltaSet? _deltas;
    private readonly TaskGateRows? _gate;
    private readonly ModelSequence _sequence;
    private readonly Tensor _deviceLogits; // [1, vocabulary]
    private readonly float[] _logits;

    private CheckRun(CausalModel model, DeltaSet? deltas, TaskGateRows? gate, int[] prompt)
    {
        (_model, _deltas, _gate) = (model, deltas, gate);
        _logits = new float[model.Config.VocabularySize];
        _sequence = model.StartSequence(prompt, Positions(prompt.Length));
        try
        {
            _deviceLogits = model.Device.Allocate(DType.F32, 1, _logits.Length);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Feeds a prompt.</summary>
    /// <param name="model">The base model, or a merged one.</param>
    /// <param name="deltas">The bank in shared form; null for the model's own weights.</param>
    /// <param name="gate">The task's, with <paramref name="deltas"/>.</param>
    /// <param name="prompt">One that <see cref="FindProblem"/> has nothing against. It is fed in pieces where the model allows it.</param>
    /// <param name="turn">Runs each piece.</param>
    public static async Task<CheckRun> StartAsync(CausalModel model, DeltaSet? deltas, TaskGateRows? gate, IReadOnlyList<int> prompt, DeviceTurn turn)
    {
        int[] tokens = [.. prompt];
        CheckRun run = null!;
        await turn(() => run = new CheckRun(model, deltas, gate, tokens));
        try
        {
            // What is attended in both directions must be fed at once.
            int piece = run._sequence.VisiblePrefix > 0 ? tokens.Length : PieceTokens;
            for (int start = 0; start < tokens.Length; start += piece)
            {
                int end = Math.Min(start + piece, tokens.Length);
                int from = start;
                await turn(() => run.Feed(tokens.AsSpan(from, end - from), end == tokens.Length ? LogitsWanted.Last : LogitsWanted.None));
            }

            return run;
        }
        catch
        {
            run.Dispose();
            throw;
        }
    }

    /// <summary>By token id.</summary>
    public ReadOnlySpan<float> Logits => _logits;

    /// <summary>The likeliest token, the lowest id of equals; null when a logit is NaN.</summary>
    public int? Likeliest => _model.Device.ArgMax(_deviceLogits, 0);

    /// <summary>log Σ exp(logit).</summary>
    public double LogSumExp
    {
        get
        {
            double largest = double.NegativeInfinity, sum = 0;
            foreach (float logit in _logits)
                largest = Math.Max(largest, logit);
            foreach (float logit in _logits)
                sum += Math.Exp(logit - largest);
            return largest + Math.Log(sum);
        }
    }

    /// <summary>The standard deviation of the logits.</summary>
    public double Spread
    {
        get
        {
            double mean = 0, squares = 0;
            foreach (float logit in _logits)
                mean += logit;
            mean /= _logits.Length;
            foreach (float logit in _logits)
                squares += (logit - mean) * (logit - mean);
            return Math.Sqrt(squares / _logits.Length);
        }
    }

    /// <summary>Why a prompt cannot be run; null when it can.</summary>
    public static string? FindProblem(CausalModel model, IReadOnlyList<int> prompt) =>
        Positions(prompt.Count) > model.Config.MaxPositions
            ? $"its {prompt.Count} tokens and an answer of {BundleCheck.MaxAnswer} do not fit the model's context of {model.Config.MaxPositions}."
            : model.FindPromptProblem([.. prompt]);

    /// <summary>Feeds one more token.</summary>
    public void Next(int token) => Feed([token], LogitsWanted.Last);

    public void Dispose()
    {
        _deviceLogits?.Dispose();
        _sequence.Dispose();
    }

    // The last token of an answer is never fed.
    private static int Positions(int promptLength) => promptLength + BundleCheck.MaxAnswer - 1;

    private void Feed(ReadOnlySpan<int> tokens, LogitsWanted wanted)
    {
        var batch = new StepBatch();
        batch.Add(_sequence, tokens, wanted, _gate, _deltas);
        _model.Forward(batch, _deviceLogits);
        if (wanted == LogitsWanted.Last)
            _model.Device.Download(_deviceLogits, 0, _logits);
    }
}
