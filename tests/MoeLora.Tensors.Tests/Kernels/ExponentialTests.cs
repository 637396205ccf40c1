using System.Runtime.Intrinsics;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Tests.Kernels;

public unsafe class ExponentialTests
{
    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void Exp_WholeRange_IsWithinTwoUnitsInTheLastPlace(int lanes)
    {
        // Every 16411th float (a prime) from the smallest denormal to 110, both signs.
        for (uint bits = 1; bits < BitConverter.SingleToUInt32Bits(110f); bits += 16411)
        {
            foreach (float x in new[] { BitConverter.UInt32BitsToSingle(bits), -BitConverter.UInt32BitsToSingle(bits) })
            {
                double exact = Math.Exp(x);
                float nearest = (float)exact, actual = Exp(lanes, x);
                if (!float.IsFinite(nearest))
                {
                    Assert.Equal(nearest, actual);
                    continue;
                }
                double unit = nearest == 0 ? float.Epsilon : (double)nearest - MathF.BitDecrement(nearest);
                Assert.True(Math.Abs(actual - exact) <= 2 * unit, $"e^{x:R} is {actual:R}, expected {exact:R}");
            }
        }
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(float.MaxValue, float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(float.MinValue, 0f)]
    [InlineData(-104f, 0f)]
    [InlineData(float.NaN, float.NaN)]
    [InlineData(float.Epsilon, 1f)]
    public void Exp_SpecialValues_AreExact(float x, float expected)
    {
        Assert.Equal(expected, Exp(8, x));
        Assert.Equal(expected, Exp(16, x));
    }

    /// <summary>In the last lane, beside other values.</summary>
    private static float Exp(int lanes, float x) => lanes == 16
        ? Exponential.Exp<Lanes512, Vector512<float>>(Vector512.Create(1f).WithElement(15, x)).GetElement(15)
        : Exponential.Exp<Lanes256, Vector256<float>>(Vector256.Create(1f).WithElement(7, x)).GetElement(7);
}
