using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>The matrices of a Llama's step.</summary>
internal sealed class LlamaScratch(LlamaConfig config, Device device, int rows) : IScratch
{
    public int Rows => rows;

    public int[] Positions { get; } = new int[rows];

    public Tensor Residual { get; } = device.Allocate(DType.F32, rows, config.HiddenSize); // [rows, hidden]

    public Tensor Normed { get; } = device.Allocate(DType.F32, rows, config.HiddenSize); // [rows, hidden]

    public Tensor Queries { get; } = device.Allocate(DType.F32, rows, config.HeadCount * config.HeadDim); // [rows, heads · headDim]

    public Tensor Keys { get; } = device.Allocate(DType.F32, rows, config.KeyValueHeadCount * config.HeadDim); // [rows, kvHeads · headDim]

    public Tensor Values { get; } = device.Allocate(DType.F32, rows, config.KeyValueHeadCount * config.HeadDim); // [rows, kvHeads · headDim]

    public Tensor Attention { get; } = device.Allocate(DType.F32, rows, config.HeadCount * config.HeadDim); // [rows, heads · headDim]

    public Tensor Gate { get; } = device.Allocate(DType.F32, rows, config.IntermediateSize); // [rows, inner]

    public Tensor Up { get; } = device.Allocate(DType.F32, rows, config.IntermediateSize); // [rows, inner]

    public HeadView QueryHeads => new(Queries, 0, config.HeadDim, config.HeadCount, config.HeadDim);

    public HeadView KeyHeads => new(Keys, 0, config.HeadDim, config.KeyValueHeadCount, config.HeadDim);

    public HeadView ValueHeads => new(Values, 0, config.HeadDim, config.KeyValueHeadCount, config.HeadDim);

    public void Dispose()
    {
        foreach (Tensor tensor in new[] { Residual, Normed, Queries, Keys, Values, Attention, Gate, Up })
            tensor.Dispose();
    }
}
