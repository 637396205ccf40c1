namespace MoeLora.Tensors.Reference;

public sealed unsafe partial class ReferenceDevice
{
    /// <inheritdoc/>
    public override void SumRows(Tensor source, Tensor destination, int rows) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void SelfAttention( HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void SelfAttentionBackward( HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums, Tensor outputGradient, HeadView queryGradient, HeadView keyGradient, HeadView valueGradient) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void RmsNormBackward( Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, int rows) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void LayerNormBackward( Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, Tensor? biasGradient, int rows) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void SiluGateBackward(Tensor gate, Tensor up, Tensor outputGradient, Tensor gateGradient, Tensor upGradient, int rows) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void GeluBackward(Tensor input, Tensor outputGradient, Tensor inputGradient, int rows, GeluKind kind) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void SoftmaxBackward(Tensor probabilities, Tensor outputGradient, Tensor inputGradient, int rows) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override double CrossEntropy(Tensor logits, ReadOnlySpan<int> targets, float gradientScale) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void Fill(Tensor tensor, float value, int rows) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void Copy(Tensor source, Tensor destination, int rows) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void AddScaled(Tensor source, float scale, Tensor destination, int rows) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void Multiply(Tensor a, Tensor b, float beta, Tensor output, int rows) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void Dropout(Tensor input, float rate, ulong seed, Tensor output, int rows) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void ScatterAddRows(Tensor source, ReadOnlySpan<int> indices, Tensor destination) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override double SumOfSquares(Tensor tensor) => throw new NotImplementedException();

    /// <inheritdoc/>
    public override void AdamW(Tensor parameter, Tensor gradient, Tensor mean, Tensor meanSquare, in AdamWStep step) => throw new NotImplementedException();
}
