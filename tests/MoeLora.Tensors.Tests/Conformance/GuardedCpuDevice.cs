using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Tests.Memory;

namespace MoeLora.Tensors.Tests.Conformance;

/// <summary>A CPU device whose tensors and caches lie against pages that must not be touched.</summary>
internal sealed unsafe partial class GuardedCpuDevice(CpuDevice device, bool guardEnd) : Device
{
    private readonly List<GuardedMemory> _memory = [];

    public override string Name => "guarded " + device.Name;

    public override int FewRows => device.FewRows;

    public override Tensor Allocate(DType dtype, int rows, int columns)
    {
        var shape = new CpuTensor(this, dtype, rows, columns, (byte*)null);
        return new CpuTensor(this, dtype, rows, columns, Reserve(shape.ResidentBytes));
    }

    public override KvPool CreateKvPool(int layers, int heads, int headDim, int blockPositions, int blocks)
    {
        var shape = new CpuKvPool(this, layers, heads, headDim, blockPositions, blocks, device.PanelKeys, null);
        return new CpuKvPool(this, layers, heads, headDim, blockPositions, blocks, device.PanelKeys, (float*)Reserve(shape.ResidentBytes));
    }

    public override long KvBytesPerPosition(int layers, int heads, int headDim) => device.KvBytesPerPosition(layers, heads, headDim);

    /// <summary>Frees the memory of all tensors made so far; they must not be used any more.</summary>
    public void Release()
    {
        _memory.ForEach(memory => memory.Dispose());
        _memory.Clear();
    }

    public override void Upload(TensorView source, Tensor destination, int firstRow = 0) => device.Upload(source, destination, firstRow);

    public override void Download(Tensor source, int row, Span<float> destination) => device.Download(source, row, destination);

    public override void WriteRow(ReadOnlySpan<float> source, Tensor destination, int row) => device.WriteRow(source, destination, row);

    public override void Linear(Tensor input, int rows, ReadOnlySpan<LinearCall> calls, LinearOrder order = LinearOrder.Any) => device.Linear(input, rows, calls, order);

    public override void Recover(TensorView w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination) => device.Recover(w0, delta, gate, destination);

    public override void Recover(Tensor w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination) => device.Recover(w0, delta, gate, destination);

    public override void Embed(Tensor table, ReadOnlySpan<int> ids, Tensor output) => device.Embed(table, ids, output);

    public override void GatherRows(Tensor input, ReadOnlySpan<int> rows, Tensor output) => device.GatherRows(input, rows, output);

    public override void RmsNorm(Tensor input, Tensor weight, float epsilon, Tensor output, int rows) => device.RmsNorm(input, weight, epsilon, output, rows);

    public override void LayerNorm(Tensor input, Tensor weight, Tensor bias, float epsilon, Tensor output, int rows)
        => device.LayerNorm(input, weight, bias, epsilon, output, rows);

    public override void Rotary(HeadView heads, int rows, int dimOffset, RotaryTable table, ReadOnlySpan<int> positions)
        => device.Rotary(heads, rows, dimOffset, table, positions);

    public override void StoreKv(HeadView keys, HeadView values, int layer, ReadOnlySpan<AttentionSpan> spans) => device.StoreKv(keys, values, layer, spans);

    public override void Attention(HeadView queries, int layer, ReadOnlySpan<AttentionSpan> spans, float scale, Tensor output)
        => device.Attention(queries, layer, spans, scale, output);

    public override void SiluGate(Tensor gate, Tensor up, Tensor output, int rows) => device.SiluGate(gate, up, output, rows);

    public override void Gelu(Tensor input, Tensor output, int rows, GeluKind kind) => device.Gelu(input, output, rows, kind);

    public override void Softmax(Tensor values, int rows) => device.Softmax(values, rows);

    public override int? ArgMax(Tensor values, int row) => device.ArgMax(values, row);

    public override void Dispose()
    {
        device.Dispose();
        Release();
    }

    private byte* Reserve(long bytes)
    {
        var memory = new GuardedMemory(bytes, guardEnd);
        _memory.Add(memory);
        return memory.Pointer;
    }
}
