using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>
/// The Llama family: pre-norm residual layers of grouped-query attention with rotary positions and a SwiGLU feed-forward
/// (arXiv 2302.13971, 2307.09288, 2407.21783; Mistral and Qwen2 differ only in shapes, biases and tied embeddings).
/// </summary>
internal sealed class LlamaModel : TransformerModel<LlamaScratch>
{
    private readonly LlamaWeights _weights;

    public LlamaModel(LlamaConfig config, ModelParts parts)
        : base(parts, RotaryFrequencies.Llama(config), rows => new LlamaScratch(config, parts.Device, rows))
        => _weights = new LlamaWeights(config, LinearModules, parts.Weights);

    private LlamaModel(LlamaModel parent, WeightSet weights)
        : base(parent, weights) => _weights = new LlamaWeights((LlamaConfig)parent.Config, LinearModules, weights);

    protected override CausalModel Derive(WeightSet weights) => new LlamaModel(this, weights);

    protected override ModelSequence CreateSequence(ReadOnlySpan<int> prompt, KvCache cache) => new(cache, prompt.Length);

    protected override void Run(StepBatch batch, Step step, Tensor logits)
    {
        int rows = batch.Rows;
        LlamaScratch s = State.Scratch(rows);
        (Tensor x, Tensor normed, Tensor attention, RowGates gates) = (s.Residual, s.Normed, s.Attention, step.Gates);
        RotaryTable rotary = State.Angles.Table;
        ReadOnlySpan<int> positions = Positions(batch, s.Positions);
        float scale = 1 / MathF.Sqrt(Config.HeadDim);

        Device.Embed(_weights.Embedding, batch.Tokens, x);                                                  // [rows, hidden]
        for (int i = 0; i < Config.LayerCount; i++)
        {
            LlamaLayer layer = _weights.Layers[i];
            Device.RmsNorm(x, layer.InputNorm, Config.NormEpsilon, normed, rows);                           // [rows, hidden]
            Device.Linear(normed, rows, [
                gates.Call(layer.Query, s.Queries),                                                         // [rows, heads · headDim]
                gates.Call(layer.Key, s.Keys),                                                              // [rows, kvHeads · headDim]
                gates.Call(layer.Value, s.Values)], step.Order);                                            // [rows, kvHeads · headDim]
            Device.Rotary(s.QueryHeads, rows, 0, rotary, positions);
            Device.Rotary(s.KeyHeads, rows, 0, rotary, positions);
            Device.StoreKv(s.KeyHeads, s.ValueHeads, i, step.Spans);

            bool last = i == Config.LayerCount - 1;
            if (last && step.LogitsRows.IsEmpty)
                return; // the caches hold all that later steps need
            Device.Attention(s.QueryHeads, i, step.Spans, scale, attention);                                // [rows, heads · headDim]
            if (last && step.LogitsRows.Length < rows)
            {
                // No row reads another from here on: go on with those that want logits, in the memory that the others no longer need.
                Device.GatherRows(x, step.LogitsRows, normed);
                Device.GatherRows(attention, step.LogitsRows, s.Queries);
                (x, normed, attention, gates) = (normed, x, s.Queries, step.LogitsGates);
                rows = step.LogitsRows.Length;
            }

            Device.Linear(attention, rows, [gates.Call(layer.Output, x, beta: 1)], step.Order);             // [rows, hidden]
            Device.RmsNorm(x, layer.PostAttentionNorm, Config.NormEpsilon, normed, rows);                   // [rows, hidden]
            Device.Linear(normed, rows, [gates.Call(layer.Gate, s.Gate), gates.Call(layer.Up, s.Up)], step.Order);// [rows, inner]
            Device.SiluGate(s.Gate, s.Up, s.Gate, rows);                                                    // [rows, inner]
            Device.Linear(s.Gate, rows, [gates.Call(layer.Down, x, beta: 1)], step.Order);                  // [rows, hidden]
        }
        Device.RmsNorm(x, _weights.FinalNorm, Config.NormEpsilon, normed, rows);                            // [rows, hidden]
        Device.Linear(normed, rows, [new LinearCall { Weight = _weights.Head, Output = logits }], step.LogitsOrder);// [rows, vocabulary]
    }

    private static ReadOnlySpan<int> Positions(StepBatch batch, int[] positions)
    {
        for (int i = 0; i < batch.Entries.Count; i++)
        {
            StepBatch.Entry entry = batch.Entries[i];
            for (int row = 0; row < entry.RowCount; row++)
                positions[entry.FirstRow + row] = entry.Sequence.Length + row;
        }
        return positions.AsSpan(0, batch.Rows);
    }
}
