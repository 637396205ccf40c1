using MoeLora.Tensors;
using TorchSharp;

namespace MoeLora.Torch;

public sealed partial class TorchDevice
{
    private const double SqrtTwoOverPi = 0.79788456080286535588;
    private const double Cubic = 0.044715;
    private const double InverseSqrtTwoPi = 0.39894228040143267794;

    // Beyond, the bend of GELU is its limit in F32, and a product of its slope, which is zero, with powers of the input could be 0 · ∞.
    private const double GeluFlat = 40;

    // Elements of logits that are widened to 64 bits at a time.
    private const int LossElements = 16 << 20;

    /// <inheritdoc/>
    public override void RmsNormBackward(
        Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, int rows)
    {
        OperandChecks.NormBackward(input, weight, outputGradient, inputGradient, weightGradient, null, rows);
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        torch.Tensor x = Torch(input).Read(rows), upper = Torch(outputGradient).Read(rows);
        torch.Tensor factor = RootMeanSquare(operation, x, epsilon), normed = x.mul(factor);
        if (weightGradient is not null)
            Torch(weightGradient).Write(1).Increase(upper.mul(normed).sum(0, keepdim: true));
        torch.Tensor g = upper.mul(Torch(weight).Elements);
        g = g.sub(normed.mul_(g.mul(normed).mean([-1], keepdim: true)));
        Torch(inputGradient).Write(rows).Increase(g.mul_(factor));
    }

    /// <inheritdoc/>
    public override void LayerNormBackward(
        Tensor input, Tensor weight, float epsilon, Tensor outputGradient, Tensor inputGradient, Tensor? weightGradient, Tensor? biasGradient, int rows)
    {
        OperandChecks.NormBackward(input, weight, outputGradient, inputGradient, weightGradient, biasGradient, rows);
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        torch.Tensor upper = Torch(outputGradient).Read(rows);
        (torch.Tensor centred, torch.Tensor factor) = Centred(operation, Torch(input).Read(rows), epsilon);
        torch.Tensor normed = centred.mul_(factor);
        if (weightGradient is not null)
            Torch(weightGradient).Write(1).Increase(upper.mul(normed).sum(0, keepdim: true));
        if (biasGradient is not null)
            Torch(biasGradient).Write(1).Increase(upper.sum(0, keepdim: true));
        torch.Tensor g = upper.mul(Torch(weight).Elements);
        torch.Tensor pull = g.mul(normed).mean([-1], keepdim: true);
        g = g.sub(g.mean([-1], keepdim: true)).sub_(normed.mul_(pull));
        Torch(inputGradient).Write(rows).Increase(g.mul_(factor));
    }

    /// <inheritdoc/>
    public override void SiluGateBackward(Tensor gate, Tensor up, Tensor outputGradient, Tensor gateGradient, Tensor upGradient, int rows)
    {
        OperandChecks.SiluGateBackward(gate, up, outputGradient, gateGradient, upGradient, rows);
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        torch.Tensor x = Torch(gate).Read(rows), upper = Torch(outputGradient).Read(rows);
        // σ(x) · (1 + x · σ(−x)); at ±∞ the product is 0 · ∞, and its limit 0.
        torch.Tensor slope = x.neg().sigmoid_().mul_(x).masked_fill_(x.isinf(), operation.Number(0.0));
        slope = slope.Increase(operation.Number(1.0)).mul_(x.sigmoid());
        Torch(upGradient).Write(rows).Increase(x.silu().mul_(upper));
        Torch(gateGradient).Write(rows).Increase(slope.mul_(Torch(up).Read(rows)).mul_(upper));
    }

    /// <inheritdoc/>
    public override void GeluBackward(Tensor input, Tensor outputGradient, Tensor inputGradient, int rows, GeluKind kind)
    {
        OperandChecks.Gradients(input, nameof(input), outputGradient, inputGradient, nameof(inputGradient), rows);
        if (rows == 0)
            return;
        using Operation operation = _operation.Begin();
        torch.Tensor x = Torch(input).Read(rows), square = x.mul(x), share, slope;
        if (kind == GeluKind.Tanh)
        {
            // x · σ(2u), whose slope is σ(2u) + x · σ(2u) · σ(−2u) · 2u′ with u = √(2/π) · (x + c · x³).
            torch.Tensor twice = square.mul(operation.Number(Cubic)).Increase(operation.Number(1.0)).mul_(x).mul_(operation.Number(2 * SqrtTwoOverPi));
            share = twice.sigmoid();
            slope = square.mul_(operation.Number(3 * Cubic)).Increase(operation.Number(1.0)).mul_(operation.Number(2 * SqrtTwoOverPi)).mul_(share).mul_(twice.neg_().sigmoid_());
        }
        else
        {
            // Φ(x) + x · φ(x).
            share = NormalShare(operation, x);
            slope = square.mul_(operation.Number(-0.5)).exp_().mul_(operation.Number(InverseSqrtTwoPi));
        }
        slope = slope.mul_(x).masked_fill_(x.abs().ge(operation.Number(GeluFlat)), operation.Number(0.0));
        Torch(inputGradient).Write(rows).Increase(share.Increase(slope).mul_(Torch(outputGradient).Read(rows)));
    }

    /// <inheritdoc/>
    public override void SoftmaxBackward(Tensor probabilities, Tensor outputGradient, Tensor inputGradient, int rows)
    {
        OperandChecks.Gradients(probabilities, nameof(probabilities), outputGradient, inputGradient, nameof(inputGradient), rows);
        if (rows == 0)
            return;
        using Operation _ = _operation.Begin();
        torch.Tensor p = Torch(probabilities).Read(rows), upper = Torch(outputGradient).Read(rows);
        Torch(inputGradient).Write(rows).Increase(upper.sub(upper.mul(p).sum(-1, keepdim: true)).mul_(p));
    }

    /// <inheritdoc/>
    /// <remarks>
    /// In 64 bits: with a vocabulary of 150,000 the sums need it, and the target's own part is left out of them, so that its gradient, −(1 − p), loses no digits where p is close to 1.
    /// </remarks>
    public override double CrossEntropy(Tensor logits, ReadOnlySpan<int> targets, float gradientScale)
    {
        OperandChecks.CrossEntropy(logits, targets);
        double loss = 0;
        int step = Math.Max(1, LossElements / logits.Columns);
        for (int first = 0; first < targets.Length; first += step)
        {
            using Operation operation = _operation.Begin();
            int rows = Math.Min(step, targets.Length - first);
            torch.Tensor part = Torch(logits).Write(first, rows), target = Indices(targets.Slice(first, rows)).unsqueeze(1);
            torch.Tensor x = part.to_type(torch.ScalarType.Float64), largest = x.amax([-1], keepdim: true);
            torch.Tensor margin = largest.sub(x.gather(1, target)); // [rows, 1]
            torch.Tensor others = x.sub_(largest).exp_().scatter_(1, target, torch.zeros_like(margin));
            torch.Tensor rest = others.sum(-1, keepdim: true), sum = rest.Plus(margin.neg().exp_());
            others.scatter_(1, target, rest.neg()).div_(sum).mul_(operation.Number(gradientScale));
            part.copy_(others);
            loss += sum.log_().Increase(margin).sum().cpu().item<double>();
        }
        return loss;
    }
}
