using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>The matrices of a ChatGLM's step.</summary>
internal sealed class ChatGlmScratch(ChatGlmConfig config, Device device, int rows) : IScratch
{
    public int Rows => rows;

    public int[] Positions { get; } = new int[rows];

    public int[] BlockPositions { get; } = new int[rows];

    public Tensor X { get; } = device.Allocate(DType.F32, rows, config.HiddenSize); // [rows, hidden]

    public Tensor Kept { get; } = device.Allocate(DType.F32, rows, config.HiddenSize); // [rows, hidden]

    public Tensor QueryKeyValue { get; } = device.Allocate(DType.F32, rows, 3 * config.HiddenSize); // [rows, heads · 3 · headDim]

    public Tensor Attention { get; } = device.Allocate(DType.F32, rows, config.HiddenSize); // [rows, heads · headDim]

    public Tensor Inner { get; } = device.Allocate(DType.F32, rows, config.IntermediateSize); // [rows, inner]

    public HeadView Queries => Heads(0);

    public HeadView Keys => Heads(1);

    public HeadView Values => Heads(2);

    public void Dispose()
    {
        foreach (Tensor tensor in new[] { X, Kept, QueryKeyValue, Attention, Inner })
            tensor.Dispose();
    }

    // Query, key and value of a head lie side by side, as published.
    private HeadView Heads(int part) => new(QueryKeyValue, part * config.HeadDim, 3 * config.HeadDim, config.HeadCount, config.HeadDim);
}
