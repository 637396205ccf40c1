using System.Runtime.InteropServices;
using TorchSharp;

namespace MoeLora.Torch;

/// <summary>
/// Memory on the host through which elements go to and from the device: page-locked where the device is a GPU, so that the bus runs at full speed. Grows to the largest piece seen.
/// </summary>
internal sealed class HostStaging(bool pinned) : IDisposable
{
    private readonly Dictionary<torch.ScalarType, torch.Tensor> _buffers = [];

    /// <summary>A host tensor of so many elements, dense; what it holds is lost with the next call for the same type. It belongs to the operation's scope.</summary>
    public torch.Tensor Of(torch.ScalarType type, int count)
    {
        if (!_buffers.TryGetValue(type, out torch.Tensor? buffer) || buffer.numel() < count)
        {
            buffer?.Dispose();
            torch.Tensor plain = torch.empty(Math.Max(count, 1024), type);
            _buffers[type] = buffer = (pinned ? plain.pin_memory() : plain).DetachFromDisposeScope();
        }
        return buffer.narrow(0, 0, count);
    }

    /// <summary>The bytes of a host tensor.</summary>
    public static Span<T> Elements<T>(torch.Tensor host)
        where T : struct
        => MemoryMarshal.Cast<byte, T>(host.bytes);

    public void Dispose()
    {
        foreach (torch.Tensor buffer in _buffers.Values)
            buffer.Dispose();
        _buffers.Clear();
    }
}
