using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Adaptations;

/// <summary>A and B of one adapted layer, and what its backward pass reads. A and B belong to the adaptation's parameters, which dispose them.</summary>
internal sealed class LowRankLayer : IDisposable
{
    public LowRankLayer(Device device, LinearModule module, int rank, int seed)
    {
        A = new Parameter(device, module.Name + ".lora_A", rank, module.InFeatures);
        B = new Parameter(device, module.Name + ".lora_B", module.OutFeatures, rank);
        Reduced = new RowBuffer(device, rank);
        Gated = new RowBuffer(device, rank);
        Initialization.Dense(A, seed);
    }

    /// <summary>[r, in].</summary>
    public Parameter A { get; }

    /// <summary>[out, r].</summary>
    public Parameter B { get; }

    /// <summary>A · x, [rows, r].</summary>
    public RowBuffer Reduced { get; }

    /// <summary>g ∘ (A · x), [rows, r].</summary>
    public RowBuffer Gated { get; }

    public void Forward(Tensor input, int rows) =>
        A.Value.Device.Linear(input, rows, [new LinearCall { Weight = A.Value, Output = Reduced.Of(rows) }]);

    public void Dispose()
    {
        Reduced.Dispose();
        Gated.Dispose();
    }
}

/// <summary>Matrices that all adapted layers use in turn, by width.</summary>
internal sealed class LowRankScratch(Device device) : IDisposable
{
    private readonly Dictionary<(int Columns, bool IsWide), RowBuffer> _buffers = [];

    /// <summary>For gradients of low-rank values.</summary>
    public RowBuffer Narrow(int columns) => Get(columns, false);

    /// <summary>For a layer's input after dropout, or its gradient.</summary>
    public RowBuffer Wide(int columns) => Get(columns, true);

    public void Dispose()
    {
        foreach (RowBuffer buffer in _buffers.Values)
            buffer.Dispose();
    }

    private RowBuffer Get(int columns, bool isWide)
    {
        if (!_buffers.TryGetValue((columns, isWide), out RowBuffer? buffer))
            _buffers.Add((columns, isWide), buffer = new RowBuffer(device, columns));
        return buffer;
    }
}
