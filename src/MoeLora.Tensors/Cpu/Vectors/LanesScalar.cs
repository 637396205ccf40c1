using System.Runtime.Intrinsics;

namespace MoeLora.Tensors.Cpu.Vectors;

/// <summary>One float: processors without AVX2, and the oracle of the vector widths.</summary>
internal readonly unsafe struct LanesScalar : IDenseLanes<float>
{
    public static int Width => 1;

    public static float Zero => 0f;

    public static float Broadcast(float value) => value;

    public static float Load(float* source) => *source;

    public static float LoadBF16(ushort* source) => Numerics.Bf16.ToSingle(*source);

    public static float LoadF16(ushort* source) => Numerics.F16.ToSingle(*source);

    public static float LoadI8(sbyte* source) => *source;

    public static void Store(float* destination, float value) => *destination = value;

    public static float Add(float a, float b) => a + b;

    public static float Mul(float a, float b) => a * b;

    public static float Fma(float a, float b, float c) => MathF.FusedMultiplyAdd(a, b, c);

    public static float Sum(float a) => a;

    public static Vector128<float> SumFour(float a, float b, float c, float d) => Vector128.Create(a, b, c, d);
}
