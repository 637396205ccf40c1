using System.Runtime.CompilerServices;

namespace MoeLora.Tensors.Cpu.Linear;

/// <summary>One float: processors without AVX2, and the oracle of the vector widths.</summary>
internal readonly unsafe struct LanesScalar(float value) : ILanes<LanesScalar>
{
    private readonly float _value = value;

    public static int Count => 1;

    public static LanesScalar Zero => new(0f);

    public static LanesScalar Load(float* source) => new(*source);

    public static LanesScalar LoadBF16(ushort* source) => new(BitConverter.UInt32BitsToSingle((uint)*source << 16));

    public static LanesScalar LoadF16(ushort* source) => new((float)BitConverter.UInt16BitsToHalf(*source));

    public static LanesScalar LoadI8(sbyte* source) => new(*source);

    public static LanesScalar Broadcast(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static LanesScalar MultiplyAdd(LanesScalar a, LanesScalar b, LanesScalar c) => new(MathF.FusedMultiplyAdd(a._value, b._value, c._value));

    public static LanesScalar Multiply(LanesScalar a, LanesScalar b) => new(a._value * b._value);

    public static void Store(LanesScalar value, float* destination) => *destination = value._value;

    public static float Sum(LanesScalar value) => value._value;
}
