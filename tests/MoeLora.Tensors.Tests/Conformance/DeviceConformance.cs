using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using MoeLora.Tensors.Reference;

namespace MoeLora.Tensors.Tests.Conformance;

/// <summary>
/// What every <see cref="Device"/> must do, measured against <see cref="ReferenceDevice"/>. A device's tests are a subclass
/// that makes the device.
/// </summary>
public abstract partial class DeviceConformance : IDisposable
{
    /// <summary>Every remainder of every vector width, a real model's widths, and those beside them.</summary>
    private protected static readonly int[] Lengths = [.. Enumerable.Range(1, 70), 896, 4863, 4864, 4865];

    /// <summary>Some remainders only, where a case is dear.</summary>
    private protected static readonly int[] FewLengths = [1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 896, 4865];

    private protected static readonly int[] RowCounts = [1, 2, 3, 7, 16, 17];

    /// <summary>Every length with some number of rows, and every number of rows with some lengths.</summary>
    private protected static readonly (int Rows, int Columns)[] Shapes =
    [
        .. Lengths.Select(columns => (columns > 1000 ? 1 : RowCounts[columns % RowCounts.Length], columns)),
        .. RowCounts.SelectMany(rows => new[] { (rows, 33), (rows, 64), (rows, 896) }),
        (3, 4865),
    ];

    // By test and case: the reference is slow, and the same for every device.
    private static readonly ConcurrentDictionary<string, Matrix> Expected = new();

    private protected DeviceConformance(Device device) => Device = device;

    private protected Device Device { get; }

    private protected ReferenceDevice Reference { get; } = new();

    public void Dispose()
    {
        Device.Dispose();
        Reference.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Runs a case on both devices and compares: |actual − expected| ≤ absolute + relative · |expected|, special values equal.</summary>
    private protected void Agree(string what, double relative, double absolute, Func<Device, Matrix> run, [CallerMemberName] string test = "")
    {
        Matrix expected = Expected.GetOrAdd($"{test}: {what}", _ => run(Reference)), actual = run(Device);
        Assert.Equal((expected.Rows, expected.Columns), (actual.Rows, actual.Columns));
        for (int i = 0; i < expected.Values.Length; i++)
        {
            float e = expected.Values[i], a = actual.Values[i];
            bool close = e.Equals(a) || (float.IsFinite(e) && Math.Abs((double)a - e) <= absolute + relative * Math.Abs(e));
            Assert.True(close, $"{what}: [{i / expected.Columns}, {i % expected.Columns}] is {a:R}, expected {e:R}.");
        }
        CaseDone();
    }

    private protected static void BitEqual(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(
                BitConverter.SingleToInt32Bits(expected[i]) == BitConverter.SingleToInt32Bits(actual[i]),
                $"{what}: element {i} is {actual[i]:R}, expected {expected[i]:R}.");
        }
    }

    /// <summary>After each case: what it allocated on the device is not used any more.</summary>
    private protected virtual void CaseDone()
    {
    }
}
