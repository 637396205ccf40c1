using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Adaptations;

/// <summary>
/// A and B of one adapted layer: output += B · (gate ∘ (A · dropout(input))) with a gate for each row. A and B belong to the adaptation's
/// parameters, which dispose them.
/// </summary>
internal sealed class LowRankLayer : IDisposable
{
    private readonly Device _device;
    private readonly LinearModule _module;
    private readonly LowRankPass _pass;
    private readonly RowBuffer _reduced, _gated;

    public LowRankLayer(Device device, LinearModule module, int rank, LowRankPass pass, int seed)
    {
        (_device, _module, _pass) = (device, module, pass);
        A = new Parameter(device, module.Name + ".lora_A", rank, module.InFeatures);
        B = new Parameter(device, module.Name + ".lora_B", module.OutFeatures, rank);
        (_reduced, _gated) = (new RowBuffer(device, rank), new RowBuffer(device, rank));
        Initialization.Dense(A, seed);
    }

    /// <summary>[r, in].</summary>
    public Parameter A { get; }

    /// <summary>[out, r].</summary>
    public Parameter B { get; }

    /// <summary>A · dropout(input) of the last pass, [rows, r].</summary>
    public Tensor Reduced => _reduced.Tensor;

    /// <summary>output += B · (gate ∘ (A · dropout(input))).</summary>
    /// <param name="input">[rows, in].</param>
    /// <param name="gate">[rows, r].</param>
    /// <param name="output">[rows, out].</param>
    public void Forward(Tensor input, Tensor gate, Tensor output)
    {
        int rows = _pass.Rows;
        Tensor reduced = _reduced.Of(rows), gated = _gated.Of(rows);
        _device.Linear(_pass.Dropped(_module, input), rows, [new LinearCall { Weight = A.Value, Output = reduced }]);
        _device.Multiply(reduced, gate, 0, gated, rows);
        _device.Linear(gated, rows, [new LinearCall { Weight = B.Value, Output = output, Beta = 1 }]);
    }

    /// <summary>Adds to the gradient of B.</summary>
    /// <returns>The gradient of gate ∘ <see cref="Reduced"/>, [rows, r], for <see cref="BackwardReduced"/>; valid until another layer's backward pass.</returns>
    public Tensor BackwardGated(Tensor outputGradient)
    {
        Tensor gradient = _pass.ZeroGradient();
        _device.LinearBackwardInput(outputGradient, B.Value, gradient, _pass.Rows);
        _device.LinearBackwardWeight(outputGradient, _gated.Tensor, B.Gradient, _pass.Rows);
        return gradient;
    }

    /// <summary>Adds to the gradients of A and, unless it is null, of the input. Overwrites <paramref name="gatedGradient"/>.</summary>
    public void BackwardReduced(Tensor gatedGradient, Tensor gate, Tensor input, Tensor? inputGradient)
    {
        _device.Multiply(gatedGradient, gate, 0, gatedGradient, _pass.Rows);
        _device.LinearBackwardWeight(gatedGradient, _pass.Dropped(_module, input), A.Gradient, _pass.Rows);
        if (inputGradient is not null)
            _pass.DroppedBackward(_module, gatedGradient, A.Value, inputGradient);
    }

    public void Dispose()
    {
        _reduced.Dispose();
        _gated.Dispose();
    }
}
