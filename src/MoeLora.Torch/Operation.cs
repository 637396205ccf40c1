using System.Runtime.InteropServices;
using TorchSharp;

namespace MoeLora.Torch;

/// <summary>
/// What lasts as long as one operation of the device: every tensor that libtorch returns meanwhile, and the scalars that it is given. Nothing is left to the
/// finalizer thread, which would free native memory while a native call may still read it, and late, as the collector does not see that memory.
/// </summary>
internal sealed class Operation : IDisposable
{
    private readonly List<Scalar> _scalars = [];
    private DisposeScope? _scope;
    private IDisposable? _mode;

    /// <summary>Begins an operation; one at a time for each device.</summary>
    public Operation Begin()
    {
        if (_scope is not null)
            throw new InvalidOperationException("The device is in the middle of an operation; one thread drives it at a time.");
        _mode = torch.inference_mode();
        _scope = torch.NewDisposeScope();
        return this;
    }

    /// <summary>A number for a native call, freed after the operation.</summary>
    public Scalar Number(double value)
    {
        Scalar scalar = value.ToScalar();
        _scalars.Add(scalar);
        return scalar;
    }

    /// <summary>A whole number for a native call.</summary>
    public Scalar Number(long value)
    {
        Scalar scalar = value.ToScalar();
        _scalars.Add(scalar);
        return scalar;
    }

    public void Dispose()
    {
        foreach (Scalar scalar in CollectionsMarshal.AsSpan(_scalars))
            scalar.Dispose();
        _scalars.Clear();
        _scope?.Dispose();
        _scope = null;
        _mode?.Dispose();
        _mode = null;
    }
}
