using MoeLora.Models.Architectures;
using MoeLora.Models.Configs;
using MoeLora.Tensors;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Networks;

/// <summary>ChatGLM-6B with its backward pass; the forward pass is that of <see cref="ChatGlmModel"/>.</summary>
internal sealed class ChatGlmNetwork : Network
{
    private readonly ChatGlmConfig _config;
    private readonly ChatGlmWeights _weights;
    private readonly ChatGlmWeights? _gradients;
    private readonly Activations[] _activations;
    private readonly Activations _backward;
    private int[] _blockPositions = [];

    public ChatGlmNetwork(ChatGlmConfig config, NetworkParts parts)
        : base(parts, RotaryFrequencies.ChatGlm(config))
    {
        _config = config;
        _weights = new ChatGlmWeights(config, LinearModules, parts.Weights);
        _gradients = parts.Gradients is null ? null : new ChatGlmWeights(config, LinearModules, parts.Gradients);
        _activations = [.. Enumerable.Range(0, config.LayerCount).Select(_ => new Activations(config, Device))];
        _backward = new Activations(config, Device);
    }

    private protected override Tensor Embedding => _weights.Embedding;

    private protected override Tensor Head => _weights.Head;

    public override PromptShape ShapeOf(ReadOnlySpan<int> prompt)
    {
        int start = prompt.IndexOf(_config.StartTokenId), mask = prompt.IndexOf(_config.GMaskTokenId);
        if (mask < 0)
            mask = prompt.IndexOf(_config.MaskTokenId);
        return start >= 0 && mask >= 0
            ? new PromptShape(start, mask)
            : throw new ArgumentException(
                $"A ChatGLM prompt needs a mask token ([gMASK] {_config.GMaskTokenId} or [MASK] {_config.MaskTokenId}) and the start token {_config.StartTokenId}.", nameof(prompt));
    }

    public override void Dispose()
    {
        base.Dispose();
        foreach (Activations activations in _activations)
            activations.Dispose();
        _backward.Dispose();
    }

    private protected override int TakePositions(PassRows pass, int[] positions)
    {
        if (_blockPositions.Length < positions.Length)
            _blockPositions = new int[positions.Length];
        int most = base.TakePositions(pass, positions);
        foreach (PassSpan span in pass.Spans)
        {
            for (int i = 0; i < span.RowCount; i++)
                (positions[span.FirstRow + i], _blockPositions[span.FirstRow + i]) = ChatGlmModel.PositionsOf(span.Past + i, span.Shape.VisiblePrefix, span.Shape.MaskPosition);
        }
        return most + 1; // the last block position is at most the number of positions
    }

    private protected override void ForwardLayer(int layer, PassRows pass, Adaptation adaptation, Tensor input, Tensor output)
    {
        ChatGlmLayer w = _weights.Layers[layer];
        Activations a = _activations[ActivationsOf(layer)];
        int rows = pass.Rows;
        a.Reserve(rows);

        Normalise(input, w.InputNorm, a.Normed, rows);                                             // [rows, hidden]
        Dense(w.QueryKeyValue, adaptation, a.Normed, a.QueryKeyValue, rows);                       // [rows, heads · 3 · headDim]
        Rotate(a, Rotary, rows);
        Attend(pass, layer, Heads(a, 0), Heads(a, 1), Heads(a, 2), a.Attention, a.LogSums);        // [rows, heads · headDim]
        Device.Copy(a.Normed, a.Middle, rows);
        Dense(w.Dense, adaptation, a.Attention, a.Middle, rows, beta: ChatGlmModel.Alpha);         // [rows, hidden]

        Normalise(a.Middle, w.PostAttentionNorm, a.MiddleNormed, rows);                            // [rows, hidden]
        Dense(w.HiddenToInner, adaptation, a.MiddleNormed, a.Inner, rows);                         // [rows, inner]
        Device.Gelu(a.Inner, a.Activated, rows, GeluKind.Tanh);                                    // [rows, inner]
        Device.Copy(a.MiddleNormed, output, rows);
        Dense(w.InnerToHidden, adaptation, a.Activated, output, rows, beta: ChatGlmModel.Alpha);   // [rows, hidden]
    }

    private protected override void BackwardLayer(int layer, PassRows pass, Adaptation adaptation, Tensor input, Tensor gradient, bool needsInput)
    {
        ChatGlmLayer w = _weights.Layers[layer];
        ChatGlmLayer? g = _gradients?.Layers[layer];
        Activations a = _activations[ActivationsOf(layer)], d = _backward;
        int rows = pass.Rows;
        d.Reserve(rows);

        // The feed-forward part: the residual is the norm's output times α.
        Device.Fill(d.Activated, 0, rows);
        DenseBackward(w.InnerToHidden, g?.InnerToHidden, adaptation, a.Activated, gradient, d.Activated, rows);
        Device.Fill(d.Inner, 0, rows);
        Device.GeluBackward(a.Inner, d.Activated, d.Inner, rows, GeluKind.Tanh);
        Device.Fill(d.MiddleNormed, 0, rows);
        Device.AddScaled(gradient, ChatGlmModel.Alpha, d.MiddleNormed, rows);
        DenseBackward(w.HiddenToInner, g?.HiddenToInner, adaptation, a.MiddleNormed, d.Inner, d.MiddleNormed, rows);
        Device.Fill(d.Middle, 0, rows);
        NormaliseBackward(a.Middle, w.PostAttentionNorm, g?.PostAttentionNorm, d.MiddleNormed, d.Middle, rows);

        // Attention.
        Device.Fill(d.Attention, 0, rows);
        DenseBackward(w.Dense, g?.Dense, adaptation, a.Attention, d.Middle, d.Attention, rows);
        Device.Fill(d.QueryKeyValue, 0, rows);
        Device.SelfAttentionBackward(
            Heads(a, 0), Heads(a, 1), Heads(a, 2), pass.SelfSpans, 1 / MathF.Sqrt(Config.HeadDim), a.Attention, a.LogSums, d.Attention,
            Heads(d, 0), Heads(d, 1), Heads(d, 2));
        Rotate(d, Backwards.Table, rows);
        Tensor? normed = needsInput ? d.Normed : null;
        if (needsInput)
        {
            Device.Fill(d.Normed, 0, rows);
            Device.AddScaled(d.Middle, ChatGlmModel.Alpha, d.Normed, rows);
        }
        DenseBackward(w.QueryKeyValue, g?.QueryKeyValue, adaptation, a.Normed, d.QueryKeyValue, normed, rows);
        if (!needsInput)
            return;
        Device.Fill(gradient, 0, rows);
        NormaliseBackward(input, w.InputNorm, g?.InputNorm, d.Normed, gradient, rows);
    }

    private protected override void FinalNorm(Tensor input, Tensor output, int rows) => Normalise(input, _weights.FinalNorm, output, rows);

    private protected override void FinalNormBackward(Tensor input, Tensor outputGradient, Tensor inputGradient, int rows) =>
        NormaliseBackward(input, _weights.FinalNorm, _gradients?.FinalNorm, outputGradient, inputGradient, rows);

    private void Normalise(Tensor input, LayerNormWeights norm, Tensor output, int rows) =>
        Device.LayerNorm(input, norm.Weight, norm.Bias, Config.NormEpsilon, output, rows);

    private void NormaliseBackward(Tensor input, LayerNormWeights norm, LayerNormWeights? gradients, Tensor outputGradient, Tensor inputGradient, int rows) =>
        Device.LayerNormBackward(input, norm.Weight, Config.NormEpsilon, outputGradient, inputGradient, gradients?.Weight, gradients?.Bias, rows);

    // Queries and keys turn by the position in their first half, by the block position in the second.
    private void Rotate(Activations a, RotaryTable table, int rows)
    {
        for (int part = 0; part < 2; part++)
        {
            Device.Rotary(Heads(a, part), rows, 0, table, Positions.AsSpan(0, rows));
            Device.Rotary(Heads(a, part), rows, Config.HeadDim / 2, table, _blockPositions.AsSpan(0, rows));
        }
    }

    /// <summary>Queries (0), keys (1) or values (2): a head's three parts lie side by side.</summary>
    private HeadView Heads(Activations a, int part) => new(a.QueryKeyValue, part * _config.HeadDim, 3 * _config.HeadDim, _config.HeadCount, _config.HeadDim);

    /// <summary>What a layer's backward pass reads, or the gradients of that.</summary>
    private sealed class Activations(ChatGlmConfig config, Device device) : IDisposable
    {
        private readonly RowBuffer _normed = new(device, config.HiddenSize), _middle = new(device, config.HiddenSize), _middleNormed = new(device, config.HiddenSize);
        private readonly RowBuffer _queryKeyValue = new(device, 3 * config.HiddenSize), _attention = new(device, config.HiddenSize);
        private readonly RowBuffer _inner = new(device, config.IntermediateSize), _activated = new(device, config.IntermediateSize);
        private readonly RowBuffer _logSums = new(device, config.HeadCount);

        public Tensor Normed => _normed.Tensor;

        public Tensor QueryKeyValue => _queryKeyValue.Tensor;

        public Tensor Attention => _attention.Tensor;

        public Tensor LogSums => _logSums.Tensor;

        public Tensor Middle => _middle.Tensor;

        public Tensor MiddleNormed => _middleNormed.Tensor;

        public Tensor Inner => _inner.Tensor;

        public Tensor Activated => _activated.Tensor;

        private RowBuffer[] All => [_normed, _queryKeyValue, _attention, _logSums, _middle, _middleNormed, _inner, _activated];

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
