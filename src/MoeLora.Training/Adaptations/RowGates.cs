using MoeLora.Tensors;
using MoeLora.Training.Batches;
using MoeLora.Training.Parameters;

namespace MoeLora.Training.Adaptations;

/// <summary>The gate vectors of a pass's rows: those of each row's task, or the same for all rows when nothing is learned.</summary>
/// <param name="device">Where they are.</param>
/// <param name="settings">Shape and kind.</param>
/// <param name="gate">What is trained, owned; null when the experts' weights are fixed.</param>
internal sealed class RowGates(Device device, ExpertSettings settings, TrainedGate? gate) : IDisposable
{
    private readonly RowBuffer _rows = new(device, settings.Rank), _gradient = new(device, settings.Rank);

    /// <summary>What is trained.</summary>
    public TrainedGate? Gate => gate;

    /// <summary>(α/r) · ω of each row's task, each ω_i repeated r/N times, [rows, r].</summary>
    public Tensor Rows => _rows.Tensor;

    /// <summary>Computes <see cref="Rows"/>.</summary>
    /// <param name="pass">The rows and their tasks.</param>
    /// <param name="trains">Whether a backward pass follows.</param>
    public void Begin(PassRows pass, bool trains)
    {
        Tensor rows = _rows.Of(pass.Rows);
        if (gate is null)
        {
            device.Fill(rows, (float)(settings.Alpha / settings.Rank / settings.Experts), pass.Rows);
            return;
        }
        if (pass.Tasks.Contains(0)) // the padding row belongs to no task; other ids that do not exist are refused by Embed
            throw new ArgumentException("A row has the task id 0; ids begin at 1.", nameof(pass));
        gate.Forward();
        device.Embed(gate.Table, pass.Tasks, rows);
        if (trains)
            _gradient.Zeros(pass.Rows);
    }

    /// <summary>Adds the gate's gradient in one layer.</summary>
    public void Collect(Tensor reduced, Tensor gatedGradient, int rows)
    {
        if (gate is not null)
            device.Multiply(reduced, gatedGradient, 1, _gradient.Tensor, rows);
    }

    /// <summary>Adds what was collected in all layers to the gradients of <see cref="Gate"/>.</summary>
    public void Finish(PassRows pass)
    {
        if (gate is null)
            return;
        device.ScatterAddRows(_gradient.Tensor, pass.Tasks, gate.TableGradient);
        gate.Backward();
    }

    public void Dispose()
    {
        gate?.Dispose();
        _rows.Dispose();
        _gradient.Dispose();
    }
}
