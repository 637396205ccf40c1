using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

public sealed unsafe class RangeCheckTests
{
    [Fact]
    public void Fits_OneBadElementAnywhereInAnyLength_IsFound()
    {
        for (int length = 1; length <= 70; length++)
        {
            for (int at = 0; at < length; at++)
            {
                Assert.False(F32(length, at, float.NaN, DType.F32));
                Assert.False(F32(length, at, float.NegativeInfinity, DType.Q8));
                Assert.True(F32(length, at, -float.MaxValue, DType.F32));
            }
        }
    }

    [Theory]
    [InlineData(65_519f, DType.F16, true)] // rounds to 65504, the largest
    [InlineData(-65_520f, DType.F16, false)]
    [InlineData(3.39e38f, DType.BF16, true)]
    [InlineData(3.3961776e38f, DType.BF16, false)]
    public void Fits_LargestValues_AsTheTargetRounds(float value, DType target, bool expected) => Assert.Equal(expected, F32(9, 8, value, target));

    [Theory]
    [InlineData(0x7BFF, DType.F16, DType.F16, true)]
    [InlineData(0xFC00, DType.F16, DType.F32, false)] // −∞
    [InlineData(0x7E00, DType.F16, DType.F32, false)] // NaN
    [InlineData(0x7F7F, DType.BF16, DType.BF16, true)]
    [InlineData(0xFFC0, DType.BF16, DType.F32, false)] // NaN
    [InlineData(0x477F, DType.BF16, DType.F16, true)] // 65280
    [InlineData(0xC780, DType.BF16, DType.F16, false)] // −65536
    public void Fits_SixteenBits_AsTheTargetRounds(int bits, DType source, DType target, bool expected)
    {
        ushort[] elements = new ushort[19];
        elements[3] = (ushort)bits;
        fixed (ushort* data = elements)
            Assert.Equal(expected, RangeCheck.Fits(new TensorView(data, source, 1, elements.Length), target));
    }

    private static bool F32(int length, int at, float value, DType target)
    {
        float[] elements = new float[length];
        elements[at] = value;
        fixed (float* data = elements)
            return RangeCheck.Fits(new TensorView(data, DType.F32, 1, length), target);
    }
}
