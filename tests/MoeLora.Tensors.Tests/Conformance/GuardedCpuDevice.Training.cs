namespace MoeLora.Tensors.Tests.Conformance;

internal sealed unsafe partial class GuardedCpuDevice
{
    public override void LinearBackwardInput(Tensor outputGradient, Tensor weight, Tensor inputGradient, int rows)
        => device.LinearBackwardInput(outputGradient, weight, inputGradient, rows);

    public override void LinearBackwardWeight(Tensor outputGradient, Tensor input, Tensor weightGradient, int rows)
        => device.LinearBackwardWeight(outputGradient, input, weightGradient, rows);

    public override void SumRows(Tensor source, Tensor destination, int rows)
        => device.SumRows(source, destination, rows);

    public override void SelfAttention(HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums)
        => device.SelfAttention(queries, keys, values, spans, scale, output, logSums);

    public override void SelfAttentionBackward(HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums, Tensor outputGradient, HeadView queryGradient, HeadView keyGradient, HeadView valueGradient)
        => device.SelfAttentionBackward(queries, keys, values, spans, scale, output, logSums, outputGradient, queryGradient, keyGradient, valueGradient);

    public override void RmsNormBackward(Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, int rows)
        => device.RmsNormBackward(input, weight, epsilon, outputGradient, inputGradient, weightGradient, rows);

    public override void LayerNormBackward(Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, Tensor? biasGradient, int rows)
        => device.LayerNormBackward(input, weight, epsilon, outputGradient, inputGradient, weightGradient, biasGradient, rows);

    public override void SiluGateBackward(Tensor gate, Tensor up, Tensor outputGradient, Tensor gateGradient, Tensor upGradient, int rows)
        => device.SiluGateBackward(gate, up, outputGradient, gateGradient, upGradient, rows);

    public override void GeluBackward(Tensor input, Tensor outputGradient, Tensor inputGradient, int rows, GeluKind kind)
        => device.GeluBackward(input, outputGradient, inputGradient, rows, kind);

    public override void SoftmaxBackward(Tensor probabilities, Tensor outputGradient, Tensor inputGradient, int rows)
        => device.SoftmaxBackward(probabilities, outputGradient, inputGradient, rows);

    public override double CrossEntropy(Tensor logits, ReadOnlySpan<int> targets, float gradientScale)
        => device.CrossEntropy(logits, targets, gradientScale);

    public override void Fill(Tensor tensor, float value, int rows)
        => device.Fill(tensor, value, rows);

    public override void Copy(Tensor source, Tensor destination, int rows)
        => device.Copy(source, destination, rows);

    public override void AddScaled(Tensor source, float scale, Tensor destination, int rows)
        => device.AddScaled(source, scale, destination, rows);

    public override void Multiply(Tensor a, Tensor b, float beta, Tensor output, int rows)
        => device.Multiply(a, b, beta, output, rows);

    public override void Dropout(Tensor input, float rate, ulong seed, Tensor output, int rows)
        => device.Dropout(input, rate, seed, output, rows);

    public override void ScatterAddRows(Tensor source, ReadOnlySpan<int> indices, Tensor destination)
        => device.ScatterAddRows(source, indices, destination);

    public override double SumOfSquares(Tensor tensor)
        => device.SumOfSquares(tensor);

    public override void AdamW(Tensor parameter, Tensor gradient, Tensor mean, Tensor meanSquare, in AdamWStep step)
        => device.AdamW(parameter, gradient, mean, meanSquare, in step);
}
