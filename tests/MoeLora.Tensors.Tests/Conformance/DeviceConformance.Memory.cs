namespace MoeLora.Tensors.Tests.Conformance;

// Allocation, upload, download, embedding, gathering: exact.
public abstract partial class DeviceConformance
{
    public static TheoryData<DType, DType> Conversions
    {
        get
        {
            var data = new TheoryData<DType, DType>();
            foreach (DType from in new[] { DType.F32, DType.F16, DType.BF16 })
            {
                foreach (DType to in Enum.GetValues<DType>())
                    data.Add(from, to);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Conversions))]
    public void Upload_AllLengths_EqualsReference(DType from, DType to)
    {
        foreach (int columns in Lengths)
        {
            int rows = columns > 1000 ? 1 : 3;
            Matrix.Random(rows, columns, 0.1f).View(from, view => Agree($"{from} to {to}, {rows}x{columns}", 0, 0, device =>
            {
                using Tensor tensor = device.Allocate(to, rows, columns);
                device.Upload(view, tensor);
                return Matrix.Read(tensor);
            }));
        }
    }

    [Theory]
    [MemberData(nameof(Conversions))]
    public void Upload_SpecialValues_EqualsReference(DType from, DType to)
    {
        // Each in a block of its own too: one NaN makes its whole Q8 block NaN.
        var values = new Matrix(SpecialValues.Length, 40, new float[SpecialValues.Length * 40]);
        for (int i = 0; i < SpecialValues.Length; i++)
        {
            values[i].Fill(0.25f);
            values[i][i % 40] = SpecialValues[i];
        }
        values.View(from, view => Agree($"special values, {from} to {to}", 0, 0, device =>
        {
            using Tensor tensor = device.Allocate(to, values.Rows, values.Columns);
            device.Upload(view, tensor);
            return Matrix.Read(tensor);
        }));
    }

    [Fact]
    public void Upload_FromARowOn_LeavesTheOthersAlone()
    {
        foreach (DType dtype in Enum.GetValues<DType>())
        {
            using Tensor tensor = Device.Allocate(dtype, 5, 33);
            Matrix values = new(2, 33, [.. Enumerable.Repeat(127f, 66)]);
            values.View(DType.F32, view => Device.Upload(view, tensor, firstRow: 2));
            Matrix result = Matrix.Read(tensor);
            Assert.All(result[2].ToArray(), value => Assert.Equal(127f, value));
            Assert.All(result[3].ToArray(), value => Assert.Equal(127f, value));
            foreach (int row in new[] { 0, 1, 4 })
                Assert.All(result[row].ToArray(), value => Assert.Equal(0f, value));
        }
    }

    [Fact]
    public void Upload_ManyRows_EqualsReference()
    {
        Matrix values = Matrix.Random(3000, 65);
        Agree("a table", 0, 0, device =>
        {
            using Tensor tensor = values.Put(device, DType.Q8);
            return Matrix.Read(tensor);
        });
    }

    [Fact]
    public void Q8_Upload_IsWithinHalfAScale()
    {
        foreach (float scale in new[] { 1f, 1e-3f, 1e20f, 1e-34f })
        {
            Matrix values = Matrix.Random(4, 100, scale);
            using Tensor tensor = values.Put(Device, DType.Q8);
            Matrix stored = Matrix.Read(tensor);
            for (int i = 0; i < values.Values.Length; i++)
            {
                (int row, int column) = Math.DivRem(i, 100);
                int block = column / 32 * 32;
                float max = values[row].Slice(block, Math.Min(32, 100 - block)).ToArray().Max(Math.Abs);
                // Half a scale of max/127, which was rounded up by at most one part in 128 (bfloat16 has 8 bits).
                Assert.InRange(Math.Abs(stored.Values[i] - values.Values[i]), 0, max / 127 * (1 + 1 / 128f) / 2 * 1.0001f);
            }
        }
    }

    [Fact]
    public void Embed_AllFormats_EqualsReference()
    {
        int[] ids = [4, 0, 6, 6, 1];
        foreach (DType dtype in Enum.GetValues<DType>())
        {
            foreach (int columns in FewLengths)
            {
                Agree($"embed {dtype} {columns}", 0, 0, device =>
                {
                    using Tensor table = Matrix.Random(7, columns).Put(device, dtype), output = device.Allocate(DType.F32, 6, columns);
                    device.Embed(table, ids, output);
                    return Matrix.Read(output);
                });
            }
        }
    }

    [Fact]
    public void GatherRows_AllLengths_EqualsReference()
    {
        int[] rows = [2, 2, 0, 5];
        foreach (int columns in FewLengths)
        {
            Agree($"gather {columns}", 0, 0, device =>
            {
                using Tensor input = Matrix.Random(6, columns).Put(device), output = device.Allocate(DType.F32, 5, columns);
                device.GatherRows(input, rows, output);
                return Matrix.Read(output);
            });
        }
    }

    [Fact]
    public void WriteRow_ThenDownload_IsTheSame()
    {
        float[] row = [1f, -0f, float.NaN, float.PositiveInfinity, 1e-40f];
        using Tensor tensor = Device.Allocate(DType.F32, 2, 5);
        Device.WriteRow(row, tensor, 1);
        float[] read = new float[7];
        Device.Download(tensor, 1, read);
        BitEqual(row, read.AsSpan(0, 5), "the row");
        Assert.Equal([0f, 0f], read[5..]);
    }
}
