using MoeLora.Tensors;

namespace MoeLora.Engine.Batching;

/// <summary>Whether an engine's device still computes: asked of it when work on it failed. Used by the model's thread; <see cref="Fault"/> may be read from any.</summary>
internal sealed class DeviceHealth(Device device)
{
    private volatile string? _fault;

    /// <summary>Why the device is lost; null while it is not.</summary>
    public string? Fault => _fault;

    /// <summary>What an exception of work on the device is to those who wait for it: itself, or that the device is lost.</summary>
    public Exception Judge(Exception exception)
    {
        if (_fault is null && exception is not (OutOfMemoryException or ArgumentException))
            _fault = device.FindFault();
        return _fault is { } fault ? new DeviceLostException(fault, exception) : exception;
    }
}
