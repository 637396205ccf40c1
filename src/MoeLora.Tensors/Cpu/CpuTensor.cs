using MoeLora.Tensors.Memory;

namespace MoeLora.Tensors.Cpu;

/// <summary>
/// A matrix in the process's own memory. Rows are padded to a multiple of 32 elements (16-bit formats: of 16, so that the narrow rows of a
/// low-rank B are not half padding; Q8: as <see cref="Q8Format"/> says) and start at multiples of 64 bytes (16-bit formats: of 32). Padding columns
/// are zero, and whoever writes a row leaves them zero, so that kernels may run whole vectors without tail code.
/// </summary>
internal sealed unsafe class CpuTensor : Tensor
{
    /// <summary>Columns of F32 and Q8 tensors, and so of all activations, are padded to a multiple of this.</summary>
    public const int ColumnMultiple = 32;

    /// <summary>Columns of F16 and BF16 tensors are padded to a multiple of this.</summary>
    public const int HalfColumnMultiple = 16;

    /// <summary>Smaller tensors are not worth a place in a slab.</summary>
    private const int SmallestInSlab = 64 << 10;

    private readonly IDisposable? _owner;
    private byte* _data;

    /// <summary>In memory of its own, or cut from one of the <paramref name="slabs"/> where it is too small for a huge page.</summary>
    public CpuTensor(Device device, DType dtype, int rows, int columns, SlabAllocator? slabs = null)
        : this(device, dtype, rows, columns, (byte*)null)
    {
        if (slabs != null && ResidentBytes is >= SmallestInSlab and < NativeBuffer.HugePageBytes)
        {
            SlabAllocator.Lease lease = slabs.Rent(ResidentBytes);
            _owner = lease;
            _data = lease.Memory;
        }
        else
        {
            var buffer = new NativeBuffer(ResidentBytes);
            _owner = buffer;
            _data = (byte*)buffer.Pointer;
        }
    }

    /// <summary>Over memory that the caller owns: zeroed, 64-byte aligned, <see cref="ResidentBytes"/> long.</summary>
    public CpuTensor(Device device, DType dtype, int rows, int columns, byte* memory)
        : base(device, dtype, rows, columns)
    {
        int multiple = dtype is DType.F16 or DType.BF16 ? HalfColumnMultiple : ColumnMultiple;
        PaddedColumns = checked(columns + multiple - 1) / multiple * multiple;
        Stride = dtype == DType.Q8 ? Q8Format.RowStride(columns) : dtype.ByteCount(PaddedColumns);
        ResidentBytes = checked(rows * Stride);
        _data = memory;
    }

    /// <summary>The first row.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public byte* Data
    {
        get
        {
            ObjectDisposedException.ThrowIf(_data == null, this);
            return _data;
        }
    }

    /// <summary>Bytes from one row to the next.</summary>
    public long Stride { get; }

    /// <summary>Columns with the padding, whose elements are zero.</summary>
    public int PaddedColumns { get; }

    public override long ResidentBytes { get; }

    public byte* Row(int row) => Data + row * Stride;

    /// <summary>A row of an F32 tensor.</summary>
    public float* F32Row(int row) => (float*)Row(row);

    public override void Dispose()
    {
        _data = null;
        _owner?.Dispose();
    }
}
