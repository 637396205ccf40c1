namespace MoeLora.Tensors.Cpu;

public sealed partial class CpuDevice
{
    private readonly Reference.ReferenceDevice _definition = new();

    /// <inheritdoc/>
    public override void SelfAttention(
        HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums)
        => _definition.SelfAttention(queries, keys, values, spans, scale, output, logSums);

    /// <inheritdoc/>
    public override void SelfAttentionBackward(
        HeadView queries, HeadView keys, HeadView values, ReadOnlySpan<SelfSpan> spans, float scale, Tensor output, Tensor logSums, Tensor outputGradient,
        HeadView queryGradient, HeadView keyGradient, HeadView valueGradient)
        => _definition.SelfAttentionBackward(
            queries, keys, values, spans, scale, output, logSums, outputGradient, queryGradient, keyGradient, valueGradient);
}
