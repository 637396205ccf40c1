using MoeLora.Tensors.Reference;

namespace MoeLora.Tensors.Cpu;

// For now the plain version of every operation; the vector kernels replace it one by one.
public sealed partial class CpuDevice
{
    private readonly ReferenceDevice _plain = new();

    /// <inheritdoc/>
    public override void Upload(TensorView source, Tensor destination, int firstRow = 0) => _plain.Upload(source, destination, firstRow);

    /// <inheritdoc/>
    public override void Download(Tensor source, int row, Span<float> destination) => _plain.Download(source, row, destination);

    /// <inheritdoc/>
    public override void WriteRow(ReadOnlySpan<float> source, Tensor destination, int row) => _plain.WriteRow(source, destination, row);

    /// <inheritdoc/>
    public override void Embed(Tensor table, ReadOnlySpan<int> ids, Tensor output) => _plain.Embed(table, ids, output);

    /// <inheritdoc/>
    public override void GatherRows(Tensor input, ReadOnlySpan<int> rows, Tensor output) => _plain.GatherRows(input, rows, output);

    /// <inheritdoc/>
    public override void RmsNorm(Tensor input, Tensor weight, float epsilon, Tensor output, int rows) => _plain.RmsNorm(input, weight, epsilon, output, rows);

    /// <inheritdoc/>
    public override void LayerNorm(Tensor input, Tensor weight, Tensor bias, float epsilon, Tensor output, int rows)
        => _plain.LayerNorm(input, weight, bias, epsilon, output, rows);

    /// <inheritdoc/>
    public override void Rotary(HeadView heads, int rows, int dimOffset, RotaryTable table, ReadOnlySpan<int> positions)
        => _plain.Rotary(heads, rows, dimOffset, table, positions);

    /// <inheritdoc/>
    public override void StoreKv(HeadView keys, HeadView values, int layer, ReadOnlySpan<AttentionSpan> spans) => _plain.StoreKv(keys, values, layer, spans);

    /// <inheritdoc/>
    public override void Attention(HeadView queries, int layer, ReadOnlySpan<AttentionSpan> spans, float scale, Tensor output)
        => _plain.Attention(queries, layer, spans, scale, output);

    /// <inheritdoc/>
    public override void SiluGate(Tensor gate, Tensor up, Tensor output, int rows) => _plain.SiluGate(gate, up, output, rows);

    /// <inheritdoc/>
    public override void Gelu(Tensor input, Tensor output, int rows, GeluKind kind) => _plain.Gelu(input, output, rows, kind);

    /// <inheritdoc/>
    public override void Softmax(Tensor values, int rows) => _plain.Softmax(values, rows);

    /// <inheritdoc/>
    public override int? ArgMax(Tensor values, int row) => _plain.ArgMax(values, row);
}
