namespace MoeLora.Tensors.Cpu;

public sealed partial class CpuDevice
{
    /// <inheritdoc/>
    public override int BatchInvariantRows => _plain.BatchInvariantRows;

    /// <inheritdoc/>
    public override void Linear(Tensor input, int rows, ReadOnlySpan<LinearCall> calls) => _plain.Linear(input, rows, calls);

    /// <inheritdoc/>
    public override void Recover(TensorView w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination)
        => _plain.Recover(w0, delta, gate, destination);

    /// <inheritdoc/>
    public override void Recover(Tensor w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination)
        => _plain.Recover(w0, delta, gate, destination);
}
