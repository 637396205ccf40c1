namespace MoeLora.Tensors.Tests;

public sealed partial class OperandChecksTests
{
    [Fact]
    public void GradientsOfRows_WrongOperands_NamedInTheError()
    {
        Tensor x = F32(4, 8), dy = F32(4, 8), dx = F32(4, 8), weight = F32(1, 8), dw = F32(1, 8), db = F32(1, 8);
        Refused("weight", () => _device.RmsNormBackward(x, F32(1, 7), 0, dy, dx, dw, 4));
        Refused("outputGradient", () => _device.RmsNormBackward(x, weight, 0, F32(4, 7), dx, dw, 4));
        Refused("outputGradient", () => _device.RmsNormBackward(x, weight, 0, F32(3, 8), dx, dw, 4));
        Refused("inputGradient", () => _device.RmsNormBackward(x, weight, 0, dy, F32(4, 9), dw, 4));
        Refused("inputGradient", () => _device.RmsNormBackward(x, weight, 0, dy, dy, dw, 4));
        Refused("inputGradient", () => _device.RmsNormBackward(x, weight, 0, dy, x, dw, 4));
        Refused("weightGradient", () => _device.RmsNormBackward(x, weight, 0, dy, dx, weight, 4));
        Refused("weightGradient", () => _device.RmsNormBackward(x, weight, 0, dy, dx, F32(2, 8), 4));
        Refused("biasGradient", () => _device.LayerNormBackward(x, weight, 0, dy, dx, dw, F32(1, 9), 4));
        Refused("biasGradient", () => _device.LayerNormBackward(x, weight, 0, dy, dx, dw, dw, 4));
        Refused("up", () => _device.SiluGateBackward(x, F32(4, 9), dy, dx, F32(4, 8), 4));
        Refused("upGradient", () => _device.SiluGateBackward(x, x, dy, dx, dx, 4));
        Refused("gateGradient", () => _device.SiluGateBackward(x, x, dy, x, dx, 4));
        Refused("input", () => _device.GeluBackward(x, dy, dx, 5, GeluKind.Erf));
        Refused("inputGradient", () => _device.GeluBackward(x, dy, dy, 4, GeluKind.Erf));
        Refused("inputGradient", () => _device.SoftmaxBackward(x, dy, x, 4));
        Refused("outputGradient", () => _device.SoftmaxBackward(x, _device.Allocate(DType.F16, 4, 8), dx, 4));
        Refused("destination", () => _device.SumRows(x, F32(1, 7), 4));
        Refused("destination", () => _device.SumRows(weight, weight, 1));
        Refused("source", () => _device.SumRows(x, dw, 5));
        Refused("logits", () => _device.CrossEntropy(x, [0, 0, 0, 0, 0], 1));
        Refused("targets", () => _device.CrossEntropy(x, [0, 8], 1));
        Refused("targets", () => _device.CrossEntropy(x, [-1], 1));
    }

    [Fact]
    public void ElementOperations_WrongOperands_NamedInTheError()
    {
        Tensor a = F32(4, 8), b = F32(4, 8);
        Refused("tensor", () => _device.Fill(a, 0, 5));
        Refused("tensor", () => _device.Fill(_device.Allocate(DType.Q8, 4, 8), 0, 4));
        Refused("destination", () => _device.Copy(a, F32(4, 9), 4));
        Refused("destination", () => _device.AddScaled(a, 1, F32(3, 8), 4));
        Refused("b", () => _device.Multiply(a, F32(4, 9), 0, b, 4));
        Refused("output", () => _device.Multiply(a, b, 0, F32(4, 9), 4));
        Refused("output", () => _device.Dropout(a, 0.5f, 0, F32(4, 9), 4));
        Refused("rate", () => _device.Dropout(a, 1, 0, b, 4));
        Refused("destination", () => _device.ScatterAddRows(a, [0], F32(4, 9)));
        Refused("destination", () => _device.ScatterAddRows(a, [0], a));
        Refused("indices", () => _device.ScatterAddRows(a, [0, 4], b));
        Refused("source", () => _device.ScatterAddRows(a, [0, 0, 0, 0, 0], b));
        Refused("tensor", () => _device.SumOfSquares(_device.Allocate(DType.BF16, 4, 8)));
        Refused("gradient", () => _device.AdamW(a, F32(4, 9), b, F32(4, 8), new AdamWStep(1, 1)));
        Refused("gradient", () => _device.AdamW(a, F32(5, 8), b, F32(4, 8), new AdamWStep(1, 1)));
        Refused("gradient", () => _device.AdamW(a, a, b, F32(4, 8), new AdamWStep(1, 1)));
        Refused("meanSquare", () => _device.AdamW(a, F32(4, 8), b, b, new AdamWStep(1, 1)));
        Refused("step", () => _device.AdamW(a, F32(4, 8), b, F32(4, 8), new AdamWStep(0, 1)));
        Refused("step", () => _device.AdamW(a, F32(4, 8), b, F32(4, 8), new AdamWStep(1, 1, Beta2: 1)));
    }

    [Fact]
    public void SelfAttention_WrongOperands_NamedInTheError()
    {
        Tensor rows = F32(6, 32), output = F32(6, 32), logSums = F32(6, 4), dy = F32(6, 32), gradient = F32(6, 32);
        var heads = new HeadView(rows, 0, 8, 4, 8);
        SelfSpan[] all = [new SelfSpan(0, 6)];
        Forward("queries", heads with { Offset = 1 }, heads, heads, all);
        Forward("queries", heads, heads with { Heads = 3 }, heads with { Heads = 3 }, all);
        Forward("keys", heads, heads with { HeadDim = 4 }, heads, all);
        Forward("values", heads, heads, heads with { Heads = 2 }, all);
        Forward("queries", heads, heads, heads, [new SelfSpan(0, 7)]);
        Forward("spans", heads, heads, heads, [new SelfSpan(-1, 3)]);
        Forward("spans", heads, heads, heads, [new SelfSpan(0, 3, 4)]);
        Forward("spans", heads, heads, heads, [new SelfSpan(0, 3, -1)]);
        Forward("spans", heads, heads, heads, [new SelfSpan(3, 3), new SelfSpan(0, 4)]);
        Refused("output", () => _device.SelfAttention(heads, heads, heads, all, 1, F32(6, 31), logSums));
        Refused("output", () => _device.SelfAttention(heads, heads, heads, all, 1, rows, logSums));
        Refused("logSums", () => _device.SelfAttention(heads, heads, heads, all, 1, output, F32(6, 5)));
        Refused("logSums", () => _device.SelfAttention(heads, heads, heads, all, 1, output, F32(5, 4)));
        Backward("outputGradient", F32(6, 31), heads with { Tensor = gradient });
        Backward("queryGradient", dy, heads with { Tensor = gradient, Heads = 2 });
        Backward("queryGradient", dy, heads with { Tensor = gradient, Stride = 7 });
        Backward("queryGradient", dy, heads with { Tensor = dy });
        Backward("queryGradient", dy, heads);

        void Forward(string operand, HeadView queries, HeadView keys, HeadView values, SelfSpan[] spans)
            => Refused(operand, () => _device.SelfAttention(queries, keys, values, spans, 1, output, logSums));

        void Backward(string operand, Tensor outputGradient, HeadView queryGradient) => Refused(operand, () => _device.SelfAttentionBackward(
            heads, heads, heads, all, 1, output, logSums, outputGradient, queryGradient, heads with { Tensor = F32(6, 32) }, heads with { Tensor = F32(6, 32) }));
    }

    [Fact]
    public void TrainingOperations_NoRows_DoNothing()
    {
        Tensor x = F32(2, 8), y = F32(2, 8), z = F32(2, 8), w = F32(1, 8), dw = F32(1, 8);
        using var cpu = new Tensors.Cpu.CpuDevice(2);
        foreach (Device device in (Device[])[_device, cpu])
        {
            device.RmsNormBackward(x, w, 0, y, z, dw, 0);
            device.LayerNormBackward(x, w, 0, y, z, dw, null, 0);
            device.SumRows(x, dw, 0);
            device.Dropout(x, 0.5f, 0, y, 0);
            device.ScatterAddRows(x, [], y);
            Assert.Equal(0, device.CrossEntropy(x, [], 1));
            var heads = new HeadView(x, 0, 8, 1, 8);
            device.SelfAttention(heads, heads, heads, [], 1, y, F32(2, 1));
            device.SelfAttention(heads, heads, heads, [new SelfSpan(2, 0)], 1, y, F32(2, 1));
            Assert.Equal(0, device.SumOfSquares(z) + device.SumOfSquares(dw) + device.SumOfSquares(y));
        }
    }
}
