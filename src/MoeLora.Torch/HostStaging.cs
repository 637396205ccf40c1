using System.Runtime.InteropServices;
using TorchSharp;

namespace MoeLora.Torch;

/// <summary>
/// Memory on the host through which elements go to and from the device: page-locked where the device is a GPU, so that the bus runs at full speed and small pieces can be on their way
/// while the host goes on.
/// </summary>
/// <param name="pinned">Whether to lock its pages.</param>
/// <param name="synchronize">Waits until nothing is on its way any more.</param>
internal sealed class HostStaging(bool pinned, Action synchronize) : IDisposable
{
    // Elements of the pieces of one type between two waits.
    private const int PieceElements = 256 << 10;

    private readonly Dictionary<torch.ScalarType, torch.Tensor> _buffers = [];
    private readonly Dictionary<torch.ScalarType, (torch.Tensor Memory, int Used)> _pieces = [];

    /// <summary>
    /// A host tensor of so many elements, dense; what it holds is lost with the next call for the same type, so whatever reads it has been waited for by then. Grows to the largest piece
    /// seen. It belongs to the operation's scope.
    /// </summary>
    public torch.Tensor Of(torch.ScalarType type, int count)
    {
        if (!_buffers.TryGetValue(type, out torch.Tensor? buffer) || buffer.numel() < count)
        {
            buffer?.Dispose();
            _buffers[type] = buffer = Allocate(type, Math.Max(count, 1024));
        }
        return buffer.narrow(0, 0, count);
    }

    /// <summary>
    /// A small host tensor to be filled and sent with <see cref="Send(torch.Tensor, torch.Device)"/>: it stays as it is until the device has been waited for, which happens when the memory for pieces is used up.
    /// </summary>
    public torch.Tensor Piece(torch.ScalarType type, int count)
    {
        if (count > PieceElements)
            return Of(type, count);
        if (!_pieces.TryGetValue(type, out (torch.Tensor Memory, int Used) pieces))
            pieces = (Allocate(type, PieceElements), 0);
        if (pieces.Used + count > PieceElements)
        {
            synchronize();
            pieces.Used = 0;
        }
        _pieces[type] = (pieces.Memory, pieces.Used + count);
        return pieces.Memory.narrow(0, pieces.Used, count);
    }

    /// <summary>A piece on the device. It may still be on its way: what the device does after it finds it there.</summary>
    public static torch.Tensor Send(torch.Tensor piece, torch.Device device) => piece.to(device, copy: true, non_blocking: IsPiece(piece));

    /// <summary>A piece into a tensor of the device, in the same way.</summary>
    public static void Send(torch.Tensor piece, torch.Tensor destination) => destination.copy_(piece, IsPiece(piece));

    /// <summary>The elements of a host tensor.</summary>
    public static Span<T> Elements<T>(torch.Tensor host)
        where T : struct
        => MemoryMarshal.Cast<byte, T>(host.bytes);

    public void Dispose()
    {
        foreach (torch.Tensor buffer in _buffers.Values.Concat(_pieces.Values.Select(pieces => pieces.Memory)))
            buffer.Dispose();
        _buffers.Clear();
        _pieces.Clear();
    }

    // Larger ones are in memory that is used again at once.
    private static bool IsPiece(torch.Tensor host) => host.numel() <= PieceElements;

    private torch.Tensor Allocate(torch.ScalarType type, int count)
    {
        torch.Tensor plain = torch.empty(count, type);
        return (pinned ? plain.pin_memory() : plain).DetachFromDisposeScope();
    }
}
