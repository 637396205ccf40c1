using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>
/// ChatGLM-6B as its authors published it (a GLM, arXiv 2103.10360 and 2210.02414): the prompt before the start token is attended in both
/// directions, positions have two rotary dimensions, and each residual is the normalised input scaled by α.
/// </summary>
internal sealed class ChatGlmModel : TransformerModel<ChatGlmScratch>
{
    // √(2 · layers) of the 28-layer model. The published code does not pass the layer count on to its layers, so a model of another
    // depth has this α too.
    internal static readonly float Alpha = MathF.Sqrt(2 * 28);

    private readonly ChatGlmConfig _config;
    private readonly ChatGlmWeights _weights;

    public ChatGlmModel(ChatGlmConfig config, ModelParts parts)
        : base(parts, RotaryFrequencies.ChatGlm(config), rows => new ChatGlmScratch(config, parts.Device, rows))
    {
        _config = config;
        _weights = new ChatGlmWeights(config, LinearModules, parts.Weights);
    }

    private ChatGlmModel(ChatGlmModel parent, WeightSet weights)
        : base(parent, weights)
    {
        _config = parent._config;
        _weights = new ChatGlmWeights(_config, LinearModules, weights);
    }

    protected override CausalModel Derive(WeightSet weights) => new ChatGlmModel(this, weights);

    public override string? FindPromptProblem(ReadOnlySpan<int> prompt)
    {
        if (base.FindPromptProblem(prompt) is { } problem)
            return problem;
        return prompt.Contains(_config.StartTokenId) && MaskPosition(prompt) >= 0
            ? null
            : $"A ChatGLM prompt needs a mask token ([gMASK] {_config.GMaskTokenId} or [MASK] {_config.MaskTokenId}) and the start token {_config.StartTokenId}; "
                + $"usually it ends with {_config.GMaskTokenId}, {_config.StartTokenId}.";
    }

    protected override ModelSequence CreateSequence(ReadOnlySpan<int> prompt, KvCache cache)
        => new(cache, prompt.Length, visiblePrefix: prompt.IndexOf(_config.StartTokenId), MaskPosition(prompt));

    private int MaskPosition(ReadOnlySpan<int> prompt)
    {
        int gmask = prompt.IndexOf(_config.GMaskTokenId);
        return gmask >= 0 ? gmask : prompt.IndexOf(_config.MaskTokenId);
    }

    protected override void Run(StepBatch batch, Step step, Tensor logits)
    {
        int rows = batch.Rows;
        ChatGlmScratch s = State.Scratch(rows);
        (Tensor x, Tensor attention, RowGates gates) = (s.X, s.Attention, step.Gates);
        RotaryTable rotary = State.Angles.Table;
        TakePositions(batch, s);
        ReadOnlySpan<int> positions = s.Positions.AsSpan(0, rows), blockPositions = s.BlockPositions.AsSpan(0, rows);
        int half = Config.HeadDim / 2;
        float scale = 1 / MathF.Sqrt(Config.HeadDim);

        Device.Embed(_weights.Embedding, batch.Tokens, x);                                          // [rows, hidden]
        for (int i = 0; i < Config.LayerCount; i++)
        {
            ChatGlmLayer layer = _weights.Layers[i];
            Normalise(x, layer.InputNorm, rows);                                                    // [rows, hidden]
            Device.Linear(x, rows, [gates.Call(layer.QueryKeyValue, s.QueryKeyValue)], step.Order); // [rows, heads · 3 · headDim]
            Device.Rotary(s.Queries, rows, 0, rotary, positions);
            Device.Rotary(s.Queries, rows, half, rotary, blockPositions);
            Device.Rotary(s.Keys, rows, 0, rotary, positions);
            Device.Rotary(s.Keys, rows, half, rotary, blockPositions);
            Device.StoreKv(s.Keys, s.Values, i, step.Spans);

            bool last = i == Config.LayerCount - 1;
            if (last && step.LogitsRows.IsEmpty)
                return; // the caches hold all that later steps need
            Device.Attention(s.Queries, i, step.Spans, scale, attention);                           // [rows, heads · headDim]
            if (last && step.LogitsRows.Length < rows)
            {
                // No row reads another from here on: go on with those that want logits.
                Device.GatherRows(x, step.LogitsRows, s.Kept);
                Device.GatherRows(attention, step.LogitsRows, x);
                (x, attention, gates) = (s.Kept, x, step.LogitsGates);
                rows = step.LogitsRows.Length;
            }

            Device.Linear(attention, rows, [gates.Call(layer.Dense, x, beta: Alpha)], step.Order);  // [rows, hidden]
            Normalise(x, layer.PostAttentionNorm, rows);                                            // [rows, hidden]
            Device.Linear(x, rows, [gates.Call(layer.HiddenToInner, s.Inner)], step.Order);         // [rows, inner]
            Device.Gelu(s.Inner, s.Inner, rows, GeluKind.Tanh);                                     // [rows, inner]
            Device.Linear(s.Inner, rows, [gates.Call(layer.InnerToHidden, x, beta: Alpha)], step.Order);// [rows, hidden]
        }
        Normalise(x, _weights.FinalNorm, rows);                                                     // [rows, hidden]
        Device.Linear(x, rows, [new LinearCall { Weight = _weights.Head, Output = logits }], step.LogitsOrder);// [rows, vocabulary]
    }

    private void Normalise(Tensor x, LayerNormWeights norm, int rows) => Device.LayerNorm(x, norm.Weight, norm.Bias, Config.NormEpsilon, x, rows);

    /// <summary>
    /// The two rotary positions of a token: before the start token its own position and block position 0; from it on the mask's position and
    /// block positions 1, 2, 3, …
    /// </summary>
    internal static (int Position, int BlockPosition) PositionsOf(int position, int contextLength, int maskPosition) =>
        position < contextLength ? (position, 0) : (maskPosition, position - contextLength + 1);

    private static void TakePositions(StepBatch batch, ChatGlmScratch s)
    {
        for (int i = 0; i < batch.Entries.Count; i++)
        {
            StepBatch.Entry entry = batch.Entries[i];
            ModelSequence sequence = entry.Sequence;
            for (int row = 0; row < entry.RowCount; row++)
                (s.Positions[entry.FirstRow + row], s.BlockPositions[entry.FirstRow + row]) = PositionsOf(sequence.Length + row, sequence.VisiblePrefix, sequence.MaskPosition);
        }
    }
}
