using MoeLora.Models.Architectures;
using MoeLora.Models.Configs;
using MoeLora.Tensors;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Networks;

/// <summary>The Llama family with its backward pass; the forward pass is that of <see cref="LlamaModel"/>.</summary>
internal sealed class LlamaNetwork : Network
{
    private readonly LlamaConfig _config;
    private readonly LlamaWeights _weights;
    private readonly LlamaWeights? _gradients;
    private readonly Activations[] _activations; // see ActivationsOf
    private readonly Activations _backward;

    public LlamaNetwork(LlamaConfig config, NetworkParts parts)
        : base(parts, RotaryFrequencies.Llama(config))
    {
        _config = config;
        _weights = new LlamaWeights(config, LinearModules, parts.Weights);
        _gradients = parts.Gradients is null ? null : new LlamaWeights(config, LinearModules, parts.Gradients);
        _activations = [.. Enumerable.Range(0, config.LayerCount).Select(_ => new Activations(config, Device))];
        _backward = new Activations(config, Device);
    }

    private protected override Tensor Embedding => _weights.Embedding;

    private protected override Tensor Head => _weights.Head;

    public override void Dispose()
    {
        base.Dispose();
        foreach (Activations activations in _activations)
            activations.Dispose();
        _backward.Dispose();
    }

    private protected override void ForwardLayer(int layer, PassRows pass, Adaptation adaptation, Tensor input, Tensor output)
    {
        LlamaLayer w = _weights.Layers[layer];
        Activations a = _activations[ActivationsOf(layer)];
        int rows = pass.Rows;
        a.Reserve(rows);

        Device.RmsNorm(input, w.InputNorm, Config.NormEpsilon, a.Normed, rows);                    // [rows, hidden]
        Dense(w.Query, adaptation, a.Normed, a.Queries, rows);                                     // [rows, heads · headDim]
        Dense(w.Key, adaptation, a.Normed, a.Keys, rows);                                          // [rows, kvHeads · headDim]
        Dense(w.Value, adaptation, a.Normed, a.Values, rows);                                      // [rows, kvHeads · headDim]
        Device.Rotary(QueryHeads(a), rows, 0, Rotary, Positions.AsSpan(0, rows));
        Device.Rotary(KeyHeads(a), rows, 0, Rotary, Positions.AsSpan(0, rows));
        Attend(pass, layer, QueryHeads(a), KeyHeads(a), ValueHeads(a), a.Attention, a.LogSums);    // [rows, heads · headDim]
        Device.Copy(input, a.Middle, rows);
        Dense(w.Output, adaptation, a.Attention, a.Middle, rows, beta: 1);                         // [rows, hidden]

        Device.RmsNorm(a.Middle, w.PostAttentionNorm, Config.NormEpsilon, a.MiddleNormed, rows);   // [rows, hidden]
        Dense(w.Gate, adaptation, a.MiddleNormed, a.Gate, rows);                                   // [rows, inner]
        Dense(w.Up, adaptation, a.MiddleNormed, a.Up, rows);                                       // [rows, inner]
        Device.SiluGate(a.Gate, a.Up, a.Gated, rows);                                              // [rows, inner]
        Device.Copy(a.Middle, output, rows);
        Dense(w.Down, adaptation, a.Gated, output, rows, beta: 1);                                 // [rows, hidden]
    }

    private protected override void BackwardLayer(int layer, PassRows pass, Adaptation adaptation, Tensor input, Tensor gradient, bool needsInput)
    {
        LlamaLayer w = _weights.Layers[layer];
        LlamaLayer? g = _gradients?.Layers[layer];
        Activations a = _activations[ActivationsOf(layer)], d = _backward;
        int rows = pass.Rows;
        d.Reserve(rows);

        // The feed-forward part; the residual stream's own gradient stays in `gradient`.
        Device.Fill(d.Gated, 0, rows);
        DenseBackward(w.Down, g?.Down, adaptation, a.Gated, gradient, d.Gated, rows);
        Device.Fill(d.Gate, 0, rows);
        Device.Fill(d.Up, 0, rows);
        Device.SiluGateBackward(a.Gate, a.Up, d.Gated, d.Gate, d.Up, rows);
        Device.Fill(d.MiddleNormed, 0, rows);
        DenseBackward(w.Up, g?.Up, adaptation, a.MiddleNormed, d.Up, d.MiddleNormed, rows);
        DenseBackward(w.Gate, g?.Gate, adaptation, a.MiddleNormed, d.Gate, d.MiddleNormed, rows);
        Device.RmsNormBackward(a.Middle, w.PostAttentionNorm, Config.NormEpsilon, d.MiddleNormed, gradient, g?.PostAttentionNorm, rows);

        // Attention.
        Device.Fill(d.Attention, 0, rows);
        DenseBackward(w.Output, g?.Output, adaptation, a.Attention, gradient, d.Attention, rows);
        Device.Fill(d.Queries, 0, rows);
        Device.Fill(d.Keys, 0, rows);
        Device.Fill(d.Values, 0, rows);
        Device.SelfAttentionBackward(
            QueryHeads(a), KeyHeads(a), ValueHeads(a), pass.SelfSpans, 1 / MathF.Sqrt(Config.HeadDim), a.Attention, a.LogSums, d.Attention,
            QueryHeads(d), KeyHeads(d), ValueHeads(d));
        Device.Rotary(QueryHeads(d), rows, 0, Backwards.Table, Positions.AsSpan(0, rows));
        Device.Rotary(KeyHeads(d), rows, 0, Backwards.Table, Positions.AsSpan(0, rows));
        Tensor? normed = needsInput ? d.Normed : null;
        if (needsInput)
            Device.Fill(d.Normed, 0, rows);
        DenseBackward(w.Value, g?.Value, adaptation, a.Normed, d.Values, normed, rows);
        DenseBackward(w.Key, g?.Key, adaptation, a.Normed, d.Keys, normed, rows);
        DenseBackward(w.Query, g?.Query, adaptation, a.Normed, d.Queries, normed, rows);
        if (needsInput)
            Device.RmsNormBackward(input, w.InputNorm, Config.NormEpsilon, d.Normed, gradient, g?.InputNorm, rows);
    }

    private protected override void FinalNorm(Tensor input, Tensor output, int rows) =>
        Device.RmsNorm(input, _weights.FinalNorm, Config.NormEpsilon, output, rows);

    private protected override void FinalNormBackward(Tensor input, Tensor outputGradient, Tensor inputGradient, int rows) =>
        Device.RmsNormBackward(input, _weights.FinalNorm, Config.NormEpsilon, outputGradient, inputGradient, _gradients?.FinalNorm, rows);

    private HeadView QueryHeads(Activations a) => new(a.Queries, 0, _config.HeadDim, _config.HeadCount, _config.HeadDim);

    private HeadView KeyHeads(Activations a) => new(a.Keys, 0, _config.HeadDim, _config.KeyValueHeadCount, _config.HeadDim);

    private HeadView ValueHeads(Activations a) => new(a.Values, 0, _config.HeadDim, _config.KeyValueHeadCount, _config.HeadDim);

    /// <summary>What a layer's backward pass reads, or the gradients of that.</summary>
    private sealed class Activations(LlamaConfig config, Device device) : IDisposable
    {
        private readonly RowBuffer _normed = new(device, config.HiddenSize), _middle = new(device, config.HiddenSize), _middleNormed = new(device, config.HiddenSize);
        private readonly RowBuffer _queries = new(device, config.HeadCount * config.HeadDim), _attention = new(device, config.HeadCount * config.HeadDim);
        private readonly RowBuffer _keys = new(device, config.KeyValueHeadCount * config.HeadDim), _values = new(device, config.KeyValueHeadCount * config.HeadDim);
        private readonly RowBuffer _gate = new(device, config.IntermediateSize), _up = new(device, config.IntermediateSize), _gated = new(device, config.IntermediateSize);
        private readonly RowBuffer _logSums = new(device, config.HeadCount);

        public Tensor Normed => _normed.Tensor;

        public Tensor Queries => _queries.Tensor;

        public Tensor Keys => _keys.Tensor;

        public Tensor Values => _values.Tensor;

        public Tensor Attention => _attention.Tensor;

        public Tensor LogSums => _logSums.Tensor;

        public Tensor Middle => _middle.Tensor;

        public Tensor MiddleNormed => _middleNormed.Tensor;

        public Tensor Gate => _gate.Tensor;

        public Tensor Up => _up.Tensor;

        public Tensor Gated => _gated.Tensor;

        private RowBuffer[] All => [_normed, _queries, _keys, _values, _attention, _logSums, _middle, _middleNormed, _gate, _up, _gated];

        public void Reserve(int rows)
        {
            foreach (RowBuffer buffer in All)
                buffer.Of(rows);
        }

        public void Dispose()
        {
            foreach (RowBuffer buffer in All)
                buffer.Dispose();
        }
    }
}
