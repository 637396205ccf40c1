using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Tensors;
using MoeLora.Training.Adaptations;
using MoeLora.Training.Batches;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Networks;

/// <summary>
/// A base model that can be differentiated: the same mathematics as <see cref="CausalModel"/>, which the tests hold it to, with backward passes.
/// Its weights are frozen, or all of them are trained (<see cref="Parameters"/>).
/// </summary>
/// <remarks>Driven by one thread at a time. Made by <see cref="NetworkLoader"/>.</remarks>
public abstract class Network : IDisposable
{
    private const long LogitsElements = 8 << 20; // of one chunk of rows: 32 MB

    private readonly RowBuffer[] _inputs;
    private readonly RowBuffer _gradient, _gathered, _normed, _normedGradient, _gatheredGradient, _logits;
    private readonly RotaryAngles _angles;
    private bool _keeps;

    private protected Network(NetworkParts parts, float[] rotaryFrequencies)
    {
        Parts = parts;
        int hidden = Config.HiddenSize;
        _inputs = [.. Enumerable.Range(0, Config.LayerCount + 1).Select(_ => new RowBuffer(Device, hidden))];
        (_gradient, _gathered, _normed) = (new RowBuffer(Device, hidden), new RowBuffer(Device, hidden), new RowBuffer(Device, hidden));
        (_normedGradient, _gatheredGradient) = (new RowBuffer(Device, hidden), new RowBuffer(Device, hidden));
        _logits = new RowBuffer(Device, Config.VocabularySize);
        _angles = new RotaryAngles(Device, rotaryFrequencies);
        Backwards = new RotaryAngles(Device, Array.ConvertAll(rotaryFrequencies, f => -f));
    }

    /// <summary>The model's shape and constants.</summary>
    public ModelConfig Config => Parts.Config;

    /// <summary>Where the weights are.</summary>
    public Device Device => Parts.Device;

    /// <summary>Every dense layer that an adaptation may adapt, in execution order.</summary>
    public IReadOnlyList<LinearModule> LinearModules => Parts.Layout.Modules;

    /// <summary>The base model's own weights when they are trained; empty when they are frozen.</summary>
    public IReadOnlyList<Parameter> Parameters => Parts.Parameters;

    /// <summary>Parameters of the base model, tied embeddings counted once.</summary>
    public long ParameterCount => Parts.Layout.Weights.Sum(spec => spec.Elements);

    /// <summary>
    /// Keeps only the input of each layer for the backward pass and computes the rest again: memory for one layer instead of all, for one more
    /// forward pass.
    /// </summary>
    public bool Checkpointing { get; set; }

    private protected NetworkParts Parts { get; }

    private protected RotaryTable Rotary => _angles.Table;

    private protected RotaryAngles Backwards { get; }

    /// <summary>Positions of the first rotary dimension by row.</summary>
    private protected int[] Positions { get; private set; } = [];

    /// <summary>What the architecture needs to know of a prompt.</summary>
    /// <exception cref="ArgumentException">The prompt lacks a token that the architecture needs.</exception>
    public virtual PromptShape ShapeOf(ReadOnlySpan<int> prompt) => default;

    /// <summary>The cross-entropy of all targets, summed, in nats. Changes nothing.</summary>
    public double Evaluate(PackedBatch batch, Adaptation adaptation)
    {
        Tensor last = Forward(batch.Pass, adaptation, keeps: false, dropoutSeed: null);
        return Loss(last, batch, 0, null);
    }

    /// <summary>As <see cref="Evaluate"/>, and adds the gradients of <paramref name="gradientScale"/> times that sum to all trained parameters.</summary>
    /// <param name="batch">Whole samples.</param>
    /// <param name="adaptation">What is added to the base model.</param>
    /// <param name="gradientScale">Usually 1 / the number of targets of an optimizer step.</param>
    /// <param name="dropoutSeed">What dropout depends on; differs from pass to pass.</param>
    public double Accumulate(PackedBatch batch, Adaptation adaptation, float gradientScale, ulong dropoutSeed)
    {
        PassRows pass = batch.Pass;
        Tensor last = Forward(pass, adaptation, keeps: true, dropoutSeed);
        Tensor gradient = _gradient.Zeros(pass.Rows);
        double loss = Loss(last, batch, gradientScale, gradient);
        bool embeds = Parameters.Count > 0 || adaptation.VirtualTokens is not null;
        for (int layer = Config.LayerCount - 1; layer >= 0; layer--)
        {
            if (Checkpointing && layer < Config.LayerCount - 1) // of the last layer everything is still there
                ForwardLayer(layer, pass, adaptation, _inputs[layer].Tensor, _inputs[layer + 1].Tensor);
            BackwardLayer(layer, pass, adaptation, _inputs[layer].Tensor, gradient, needsInput: embeds || layer > 0);
        }
        if (embeds)
            BackwardEmbedding(pass, adaptation, gradient);
        adaptation.Finish();
        return loss;
    }

    /// <summary>Runs the next tokens of sequences with caches and writes the logits of each sequence's last row.</summary>
    /// <param name="pass">Rows with caches.</param>
    /// <param name="adaptation">What is added to the base model.</param>
    /// <returns>[sequences or more, vocabulary], valid until the next pass.</returns>
    internal Tensor Decode(PassRows pass, Adaptation adaptation)
    {
        Tensor last = Forward(pass, adaptation, keeps: false, dropoutSeed: null);
        int[] rows = new int[pass.Spans.Length];
        for (int i = 0; i < rows.Length; i++)
            rows[i] = pass.Spans[i].FirstRow + pass.Spans[i].RowCount - 1;
        Tensor gathered = _gathered.Of(rows.Length), normed = _normed.Of(rows.Length), logits = _logits.Of(rows.Length);
        Device.GatherRows(last, rows, gathered);
        FinalNorm(gathered, normed, rows.Length);
        Device.Linear(normed, rows.Length, [new LinearCall { Weight = Head, Output = logits }]);
        return logits;
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
        foreach (RowBuffer buffer in (IEnumerable<RowBuffer>)[.. _inputs, _gradient, _gathered, _normed, _normedGradient, _gatheredGradient, _logits])
            buffer.Dispose();
        _angles.Dispose();
        Backwards.Dispose();
        Parts.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected abstract Tensor Embedding { get; }

    private protected abstract Tensor Head { get; }

    /// <summary>Writes a layer's output; keeps what its backward pass reads.</summary>
    private protected abstract void ForwardLayer(int layer, PassRows pass, Adaptation adaptation, Tensor input, Tensor output);

    /// <summary>Turns <paramref name="gradient"/> from that of the layer's output into that of its input; into nothing of use when no one needs it.</summary>
    private protected abstract void BackwardLayer(int layer, PassRows pass, Adaptation adaptation, Tensor input, Tensor gradient, bool needsInput);

    private protected abstract void FinalNorm(Tensor input, Tensor output, int rows);

    private protected abstract void FinalNormBackward(Tensor input, Tensor outputGradient, Tensor inputGradient, int rows);

    /// <summary>Fills <see cref="Positions"/> and whatever else depends on where rows stand. Returns how many positions rotary tables must cover.</summary>
    private protected virtual int TakePositions(PassRows pass, int[] positions)
    {
        int most = 0;
        foreach (PassSpan span in pass.Spans)
        {
            for (int i = 0; i < span.RowCount; i++)
                positions[span.FirstRow + i] = span.Past + i;
            most = Math.Max(most, span.Past + span.RowCount);
        }
        return most;
    }

    /// <summary>Which activations a layer writes: its own when its backward pass reads them, else those that all layers use in turn.</summary>
    private protected int ActivationsOf(int layer) => _keeps && !Checkpointing ? layer : 0;

    /// <summary>Attention of the pass's rows to their own samples, or to caches, into which keys and values go first.</summary>
    private protected void Attend(PassRows pass, int layer, HeadView queries, HeadView keys, HeadView values, Tensor output, Tensor logSums)
    {
        float scale = 1 / MathF.Sqrt(Config.HeadDim);
        if (pass.CacheSpans.IsEmpty)
        {
            Device.SelfAttention(queries, keys, values, pass.SelfSpans, scale, output, logSums);
            return;
        }
        Device.StoreKv(keys, values, layer, pass.CacheSpans);
        Device.Attention(queries, layer, pass.CacheSpans, scale, output);
    }

    /// <summary>output = beta · output + the dense layer and its adaptation applied to input.</summary>
    private protected void Dense(in DenseLayer layer, Adaptation adaptation, Tensor input, Tensor output, int rows, float beta = 0)
    {
        Device.Linear(input, rows, [new LinearCall { Weight = layer.Weight, Bias = layer.Bias, Output = output, Beta = beta }]);
        adaptation.Forward(LinearModules[layer.Module], input, output);
    }

    /// <summary>Adds to the gradients of a dense layer, of its adaptation, and of its input unless that is null.</summary>
    private protected void DenseBackward(
        in DenseLayer layer, in DenseLayer? gradients, Adaptation adaptation, Tensor input, Tensor outputGradient, Tensor? inputGradient, int rows)
    {
        if (inputGradient is not null)
            Device.LinearBackwardInput(outputGradient, layer.Weight, inputGradient, rows);
        if (gradients is { } own)
        {
            Device.LinearBackwardWeight(outputGradient, input, own.Weight, rows);
            if (own.Bias is not null)
                Device.SumRows(outputGradient, own.Bias, rows);
        }
        adaptation.Backward(LinearModules[layer.Module], input, outputGradient, inputGradient);
    }

    private Tensor Forward(PassRows pass, Adaptation adaptation, bool keeps, ulong? dropoutSeed)
    {
        if (pass.Rows == 0)
            throw new ArgumentException("The pass has no rows.", nameof(pass));
        if (Positions.Length < pass.Rows)
            Positions = new int[(pass.Rows + 63) & ~63];
        foreach (PassSpan span in pass.Spans)
        {
            if (span.Past + span.RowCount > Config.MaxPositions)
                throw new ArgumentException($"A sequence of {span.Past + span.RowCount} tokens is longer than the model's {Config.MaxPositions} positions.", nameof(pass));
        }
        _keeps = keeps;
        int most = TakePositions(pass, Positions);
        _angles.Reserve(most);
        if (keeps)
            Backwards.Reserve(most);
        adaptation.Begin(pass, dropoutSeed);
        Tensor input = _inputs[0].Of(pass.Rows);
        Embed(pass, adaptation, input);
        for (int layer = 0; layer < Config.LayerCount; layer++)
        {
            Tensor output = _inputs[keeps ? layer + 1 : (layer + 1) % 2].Of(pass.Rows);
            ForwardLayer(layer, pass, adaptation, input, output);
            input = output;
        }
        return input;
    }

    private void Embed(PassRows pass, Adaptation adaptation, Tensor output)
    {
        if (adaptation.VirtualTokens is not { } virtualTokens)
        {
            Device.Embed(Embedding, pass.Tokens, output);
            return;
        }
        // Rows of the two tables are embedded apart and put in their places.
        Device.Fill(output, 0, pass.Rows);
        EmbedPart(pass, isVirtual: false, Embedding, output);
        EmbedPart(pass, isVirtual: true, virtualTokens.Value, output);
    }

    private void EmbedPart(PassRows pass, bool isVirtual, Tensor table, Tensor output)
    {
        (int[] rows, int[] ids) = Part(pass, isVirtual);
        if (rows.Length == 0)
            return;
        Tensor embedded = _gathered.Of(rows.Length);
        Device.Embed(table, ids, embedded);
        Device.ScatterAddRows(embedded, rows, output);
    }

    private void BackwardEmbedding(PassRows pass, Adaptation adaptation, Tensor gradient)
    {
        if (Parameters.Count > 0)
            BackwardEmbeddingPart(pass, isVirtual: false, gradient, Parts.GradientOf(Embedding));
        if (adaptation.VirtualTokens is { } virtualTokens)
            BackwardEmbeddingPart(pass, isVirtual: true, gradient, virtualTokens.Gradient);
    }

    private void BackwardEmbeddingPart(PassRows pass, bool isVirtual, Tensor gradient, Tensor tableGradient)
    {
        (int[] rows, int[] ids) = Part(pass, isVirtual);
        if (rows.Length == 0)
            return;
        Tensor gathered = _gathered.Of(rows.Length);
        Device.GatherRows(gradient, rows, gathered);
        Device.ScatterAddRows(gathered, ids, tableGradient);
    }

    /// <summary>The rows whose tokens are virtual, or those whose are not, and their places in the table.</summary>
    private (int[] Rows, int[] Ids) Part(PassRows pass, bool isVirtual)
    {
        List<int> rows = [], ids = [];
        for (int row = 0; row < pass.Rows; row++)
        {
            int id = pass.Tokens[row] - (isVirtual ? Config.VocabularySize : 0);
            if (isVirtual ? id < 0 : id >= Config.VocabularySize)
                continue;
            rows.Add(row);
            ids.Add(id);
        }
        return ([.. rows], [.. ids]);
    }

    /// <summary>Norm, output layer and cross-entropy of the target rows; their gradient goes to the rows of <paramref name="gradient"/>.</summary>
    private double Loss(Tensor last, PackedBatch batch, float gradientScale, Tensor? gradient)
    {
        double loss = 0;
        int chunk = (int)Math.Max(16, LogitsElements / Config.VocabularySize);
        for (int start = 0; start < batch.Targets.Length; start += chunk)
        {
            int count = Math.Min(chunk, batch.Targets.Length - start);
            ReadOnlySpan<int> rows = batch.TargetRows.Slice(start, count);
            Tensor gathered = _gathered.Of(count), normed = _normed.Of(count), logits = _logits.Of(count);
            Device.GatherRows(last, rows, gathered);
            FinalNorm(gathered, normed, count);
            Device.Linear(normed, count, [new LinearCall { Weight = Head, Output = logits }]);
            loss += Device.CrossEntropy(logits, batch.Targets.Slice(start, count), gradientScale);
            if (gradient is null)
                continue;
            Tensor normedGradient = _normedGradient.Zeros(count), gatheredGradient = _gatheredGradient.Zeros(count);
            Device.LinearBackwardInput(logits, Head, normedGradient, count);
            if (Parameters.Count > 0)
                Device.LinearBackwardWeight(logits, normed, Parts.GradientOf(Head), count);
            FinalNormBackward(gathered, normedGradient, gatheredGradient, count);
            Device.ScatterAddRows(gatheredGradient, rows, gradient);
        }
        return loss;
    }
}
