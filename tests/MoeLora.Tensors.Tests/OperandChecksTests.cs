using MoeLora.Tensors.Reference;
using MoeLora.Tensors.Tests.Conformance;

namespace MoeLora.Tensors.Tests;

/// <summary>Every wrong operand is refused by name. The checks are the same code for all devices.</summary>
public sealed partial class OperandChecksTests : IDisposable
{
    private readonly ReferenceDevice _device = new();

    public void Dispose() => _device.Dispose();

    [Fact]
    public void Linear_WrongOperands_NamedInTheError()
    {
        Tensor input = F32(4, 8), weight = F32(6, 8), output = F32(4, 6);
        Refused("Weight", () => _device.Linear(input, 4, [new LinearCall { Weight = F32(6, 9), Output = output }]));
        Refused("Output", () => _device.Linear(input, 4, [new LinearCall { Weight = weight, Output = F32(4, 7) }]));
        Refused("Output", () => _device.Linear(input, 4, [new LinearCall { Weight = weight, Output = F32(3, 6) }]));
        Refused("Output", () => _device.Linear(input, 4, [new LinearCall { Weight = F32(8, 8), Output = input }]));
        Refused("Output", () => _device.Linear(input, 4, [new LinearCall { Weight = weight, Output = _device.Allocate(DType.BF16, 4, 6) }]));
        Refused("input", () => _device.Linear(input, 5, [new LinearCall { Weight = weight, Output = F32(5, 6) }]));
        Refused("Bias", () => _device.Linear(input, 4, [new LinearCall { Weight = weight, Output = output, Bias = F32(1, 5) }]));
        Refused("Bias", () => _device.Linear(input, 4, [new LinearCall { Weight = weight, Output = output, Bias = F32(2, 6) }]));
        Refused("Gate", () => _device.Linear(input, 4, [new LinearCall { Weight = weight, Output = output, Delta = new LowRankDelta(F32(2, 8), F32(6, 2)) }]));
        Refused("Gate", () => _device.Linear(input, 4, [Shared(F32(2, 8), F32(6, 2), F32(4, 1))]));
        Refused("Gate", () => _device.Linear(input, 4, [Shared(F32(2, 8), F32(6, 2), F32(3, 2))]));
        Refused("delta.A", () => _device.Linear(input, 4, [Shared(F32(2, 7), F32(6, 2), F32(4, 2))]));
        Refused("delta.B", () => _device.Linear(input, 4, [Shared(F32(2, 8), F32(5, 2), F32(4, 2))]));
        Refused("delta.B", () => _device.Linear(input, 4, [Shared(F32(2, 8), F32(6, 3), F32(4, 2))]));
        Refused("delta.B", () => _device.Linear(input, 4, [Shared(F32(2, 8), _device.Allocate(DType.Q8, 6, 2), F32(4, 2))]));
        Refused("Output", () => _device.Linear(input, 4, [new LinearCall { Weight = weight, Output = output }, new LinearCall { Weight = weight, Output = output }]));

        LinearCall Shared(Tensor a, Tensor b, Tensor gate) => new() { Weight = weight, Output = output, Delta = new LowRankDelta(a, b), Gate = gate };
    }

    [Fact]
    public void LinearBackward_WrongOperands_NamedInTheError()
    {
        Tensor dy = F32(4, 6), weight = F32(6, 8), x = F32(4, 8);
        Refused("outputGradient", () => _device.LinearBackwardInput(F32(4, 7), weight, x, 4));
        Refused("outputGradient", () => _device.LinearBackwardInput(dy, weight, F32(5, 8), 5));
        Refused("inputGradient", () => _device.LinearBackwardInput(dy, weight, F32(4, 9), 4));
        Refused("inputGradient", () => _device.LinearBackwardInput(dy, weight, F32(3, 8), 4));
        Refused("inputGradient", () => _device.LinearBackwardInput(dy, weight, _device.Allocate(DType.BF16, 4, 8), 4));
        Refused("inputGradient", () => _device.LinearBackwardInput(F32(6, 6), weight, weight, 6));
        Refused("outputGradient", () => _device.LinearBackwardInput(dy, weight, x, -1));
        Refused("weightGradient", () => _device.LinearBackwardWeight(dy, x, F32(6, 7), 4));
        Refused("weightGradient", () => _device.LinearBackwardWeight(dy, x, F32(7, 8), 4));
        Refused("weightGradient", () => _device.LinearBackwardWeight(dy, x, _device.Allocate(DType.F16, 6, 8), 4));
        Refused("input", () => _device.LinearBackwardWeight(dy, F32(3, 8), weight, 4));
        Refused("weightGradient", () => _device.LinearBackwardWeight(F32(8, 8), weight, weight, 4));
    }

    [Fact]
    public void Recover_WrongOperands_NamedInTheError()
    {
        var delta = new LowRankDelta(F32(2, 8), F32(6, 2));
        Refused("w0", () => _device.Recover(F32(5, 8), delta, [1, 1], F32(6, 8)));
        Refused("w0", () => _device.Recover(F32(6, 7), delta, [1, 1], F32(6, 8)));
        Refused("gate", () => _device.Recover(F32(6, 8), delta, [1], F32(6, 8)));
        Refused("delta.B", () => _device.Recover(F32(7, 8), delta, [1, 1], F32(7, 8)));
    }

    [Fact]
    public void RowOperations_WrongOperands_NamedInTheError()
    {
        Tensor input = F32(4, 8);
        Refused("weight", () => _device.RmsNorm(input, F32(1, 7), 0, input, 4));
        Refused("weight", () => _device.RmsNorm(input, F32(2, 8), 0, input, 4));
        Refused("output", () => _device.RmsNorm(input, F32(1, 8), 0, F32(4, 9), 4));
        Refused("bias", () => _device.LayerNorm(input, F32(1, 8), F32(1, 9), 0, input, 4));
        Refused("up", () => _device.SiluGate(input, F32(4, 9), input, 4));
        Refused("output", () => _device.Gelu(input, F32(3, 8), 4, GeluKind.Tanh));
        Refused("values", () => _device.Softmax(input, 5));
        Refused("values", () => _device.Softmax(input, -1));
        Refused("values", () => _device.ArgMax(input, 4));
        Refused("values", () => _device.Softmax(_device.Allocate(DType.F16, 4, 8), 4));
        Refused("ids", () => _device.Embed(input, [0, 4], F32(2, 8)));
        Refused("ids", () => _device.Embed(input, [-1], F32(2, 8)));
        Refused("output", () => _device.Embed(input, [0, 1, 2], F32(2, 8)));
        Refused("rows", () => _device.GatherRows(input, [4], F32(2, 8)));
        Refused("output", () => _device.GatherRows(input, [1, 0], input));
        Refused("destination", () => _device.WriteRow(new float[8], input, 4));
        Refused("source", () => _device.WriteRow(new float[7], input, 0));
        Refused("source", () => _device.Download(input, 0, new float[7]));
        Refused("destination", () => Matrix.Random(2, 8).View(DType.F32, view => _device.Upload(view, input, firstRow: 3)));
        Refused("source", () => Matrix.Random(2, 9).View(DType.F32, view => _device.Upload(view, input)));
    }

    [Fact]
    public void HeadOperations_WrongOperands_NamedInTheError()
    {
        Tensor rows = F32(4, 32);
        var heads = new HeadView(rows, 0, 8, 4, 8);
        var table = new RotaryTable(F32(10, 4), F32(10, 4));
        Refused("heads", () => _device.Rotary(heads with { Heads = 5 }, 4, 0, table, [0, 1, 2, 3]));
        Refused("heads", () => _device.Rotary(heads with { Offset = 1 }, 4, 0, table, [0, 1, 2, 3]));
        Refused("heads", () => _device.Rotary(heads, 5, 0, table, [0, 1, 2, 3, 4]));
        Refused("dimOffset", () => _device.Rotary(heads, 4, 1, table, [0, 1, 2, 3]));
        Refused("positions", () => _device.Rotary(heads, 4, 0, table, [0, 1, 2]));
        Refused("positions", () => _device.Rotary(heads, 4, 0, table, [0, 1, 2, 10]));
        Refused("Sin", () => _device.Rotary(heads, 4, 0, new RotaryTable(F32(10, 4), F32(9, 4)), [0, 1, 2, 3]));

        using KvCache cache = _device.CreateKvCache(2, 2, 8, 16);
        AttentionSpan span = new() { Cache = cache, RowCount = 4 };
        HeadView keys = heads with { Heads = 2 };
        Refused("keys", () => _device.StoreKv(heads, keys, 0, [span]));
        Refused("values", () => _device.StoreKv(keys, heads, 0, [span]));
        Refused("layer", () => _device.StoreKv(keys, keys, 2, [span]));
        Refused("span", () => _device.StoreKv(keys, keys, 0, [span with { Past = 13 }]));
        Refused("span", () => _device.StoreKv(keys, keys, 0, [span with { FirstRow = 1 }]));
        Refused("queries", () => _device.Attention(heads with { Heads = 3 }, 0, [span], 1, F32(4, 24)));
        Refused("output", () => _device.Attention(heads, 0, [span], 1, F32(4, 31)));
        Refused("output", () => _device.Attention(heads, 0, [span], 1, rows));
        Refused("Cache", () => _device.Attention(heads with { HeadDim = 4 }, 0, [span], 1, F32(4, 16)));
    }

    [Fact]
    public void Operations_NoRows_DoNothing()
    {
        Matrix values = Matrix.Random(2, 8);
        using Tensor tensor = values.Put(_device);
        _device.Softmax(tensor, 0);
        _device.Gelu(tensor, tensor, 0, GeluKind.Erf);
        _device.Embed(F32(3, 8), [], tensor);
        _device.Linear(F32(1, 3), 0, [new LinearCall { Weight = F32(8, 3), Output = tensor }]);
        _device.Attention(new HeadView(F32(1, 8), 0, 8, 1, 8), 0, [], 1, tensor);
        Assert.Equal(values.Values, Matrix.Read(tensor).Values);
    }

    [Fact]
    public void Linear_NoLayers_DoesNothing() => _device.Linear(F32(4, 8), 4, []);

    private static void Refused(string operand, Action operation)
    {
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(operation);
        Assert.Equal(operand, error.ParamName);
    }

    private Tensor F32(int rows, int columns) => _device.Allocate(DType.F32, rows, columns);
}
