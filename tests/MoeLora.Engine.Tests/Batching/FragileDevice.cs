using System.Runtime.InteropServices;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>The CPU as if it were a device with memory of its own, which runs out of it, fails, and is lost, when a test wants.</summary>
internal sealed class FragileDevice() : CpuDevice(1)
{
    private volatile bool _isLost;
    private int _lacks, _failures;
    private long _memory;

    /// <inheritdoc/>
    public override long? MemoryBytes => _memory > 0 ? _memory : null;

    /// <summary>Gives it memory of its own.</summary>
    public void Own(long bytes) => _memory = bytes;

    /// <summary>From now on it computes nothing.</summary>
    public void Lose() => _isLost = true;

    /// <summary>So many passes find too little memory.</summary>
    public void LackMemory(int passes) => Volatile.Write(ref _lacks, passes);

    /// <summary>So many passes fail otherwise, on a device that goes on.</summary>
    public void Fail(int passes) => Volatile.Write(ref _failures, passes);

    public override string? FindFault() => _isLost ? "fragile:0 does not compute any more: unspecified launch failure" : null;

    public override void Linear(Tensor input, int rows, ReadOnlySpan<LinearCall> calls, LinearOrder order = LinearOrder.Any)
    {
        if (_isLost)
            throw new ExternalException("unspecified launch failure");
        if (Take(ref _lacks))
            throw new OutOfMemoryException("fragile:0 has too little memory for a dense layer.");
        if (Take(ref _failures))
            throw new InvalidOperationException("A kernel is wrong.");
        base.Linear(input, rows, calls, order);
    }

    private static bool Take(ref int left)
    {
        if (Volatile.Read(ref left) <= 0)
            return false;
        Interlocked.Decrement(ref left);
        return true;
    }
}
