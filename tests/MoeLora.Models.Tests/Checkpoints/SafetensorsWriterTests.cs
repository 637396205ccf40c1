using System.Buffers.Binary;
using System.Text;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Checkpoints;

public sealed unsafe class SafetensorsWriterTests
{
    [Fact]
    public void Write_SmallFile_HasTheBytesOfTheFormat()
    {
        using var directory = new TempDirectory();
        string path = directory.File("t.safetensors");
        short[] halves = [0x3C00, 0x4000, 0x4200];

        fixed (short* data = halves)
            SafetensorsWriter.Write(path, [new("a", [3], new TensorView(data, DType.F16, 1, 3)), new("z", [1, 1], new float[] { 1 })]);

        // float32 before float16 though 'a' sorts before 'z'; the text is padded with spaces to a multiple of 8.
        string text = """{"z":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},"a":{"dtype":"F16","shape":[3],"data_offsets":[4,10]}}""";
        byte[] header = Encoding.UTF8.GetBytes(text.PadRight((text.Length + 7) / 8 * 8));
        byte[] expected = SafetensorsBytes.File(header, [0, 0, 0x80, 0x3F, 0, 0x3C, 0, 0x40, 0, 0x42]);
        Assert.Equal(expected, File.ReadAllBytes(path));
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.F16)]
    [InlineData(DType.BF16)]
    public void Write_ThenOpen_GivesTheSameBytes(DType dtype)
    {
        using var directory = new TempDirectory();
        byte[] content = new byte[dtype.ByteCount(5 * 7)];
        new Random(1).NextBytes(content);

        fixed (byte* data = content)
            SafetensorsWriter.Write(directory.File("t.safetensors"), [new("w", [5, 7], new TensorView(data, dtype, 5, 7)), new("b", [0, 4], ReadOnlyMemory<float>.Empty)]);

        using var checkpoint = Checkpoint.Open(directory.File("t.safetensors"));
        TensorView view = checkpoint.View("w");
        Assert.Equal((dtype, 5, 7), (view.DType, view.Rows, view.Columns));
        Assert.Equal(content, view.Bytes());
        Assert.Equal(0, checkpoint.View("b").Rows);
    }

    [Fact]
    public void Write_EveryTensorOfAPack_ReadsBackEqual()
    {
        using var directory = new TempDirectory();
        using var source = Checkpoint.Open(TestFiles.Path("qwen2-tiny"));

        SafetensorsWriter.Write(directory.File("copy.safetensors"), source.Tensors.Values.Select(tensor => new SafetensorsEntry(tensor.Name, tensor.Shape, source.View(tensor.Name))));

        using var copy = Checkpoint.Open(directory.File("copy.safetensors"));
        Assert.Equal(source.Tensors.Keys.Order(), copy.Tensors.Keys.Order());
        Assert.All(source.Tensors.Values, tensor =>
        {
            Assert.Equal(tensor.Shape, copy.Tensors[tensor.Name].Shape);
            Assert.Equal(source.View(tensor.Name).Floats(), copy.View(tensor.Name).Floats());
        });
    }

    [Fact]
    public void Write_InAnotherOrder_GivesTheSameBytes()
    {
        using var directory = new TempDirectory();
        SafetensorsEntry a = new("a", [1], new float[] { 1 });
        SafetensorsEntry b = new("b", [2], new float[] { 2, 3 });

        SafetensorsWriter.Write(directory.File("1"), [a, b], new Dictionary<string, string> { ["x"] = "1", ["y"] = "2" });
        SafetensorsWriter.Write(directory.File("2"), [b, a], new Dictionary<string, string> { ["y"] = "2", ["x"] = "1" });

        Assert.Equal(File.ReadAllBytes(directory.File("1")), File.ReadAllBytes(directory.File("2")));
    }

    [Fact]
    public void Write_NamesAndMetadataOfAnyText_ReadBackEqual()
    {
        using var directory = new TempDirectory();
        string odd = "\"quoted\" \\ 任务 é \n 😀";

        SafetensorsWriter.Write(directory.File("t.safetensors"), [new(odd, [1], new float[] { 1 })], new Dictionary<string, string> { [odd] = odd });

        using var checkpoint = Checkpoint.Open(directory.File("t.safetensors"));
        Assert.Equal(odd, Assert.Single(checkpoint.Tensors.Keys));
        Assert.Equal(odd, checkpoint.Metadata[odd]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(8)]
    public void Write_AnyHeaderLength_AlignsTheData(int nameLength)
    {
        using var directory = new TempDirectory();
        SafetensorsWriter.Write(directory.File("t"), [new(new string('n', nameLength), [1], new float[] { 1 })]);

        Assert.Equal(0UL, BinaryPrimitives.ReadUInt64LittleEndian(File.ReadAllBytes(directory.File("t"))) % 8);
    }

    [Fact]
    public void Write_OverAnOlderFile_ReplacesIt()
    {
        using var directory = new TempDirectory();
        string path = directory.Write("t.safetensors", new byte[10_000]);

        SafetensorsWriter.Write(path, [new("a", [1], new float[] { 1 })]);

        using var checkpoint = Checkpoint.Open(path);
        Assert.Equal([1], checkpoint.View("a").Floats());
        Assert.Single(Directory.GetFiles(directory.Path));
    }

    [Fact]
    public void Write_ThatFails_LeavesNothingBehind()
    {
        using var directory = new TempDirectory();
        string blocked = directory.File("t.safetensors");
        Directory.CreateDirectory(blocked);

        Assert.ThrowsAny<Exception>(() => SafetensorsWriter.Write(blocked, [new("a", [1], new float[] { 1 })]));

        Assert.Empty(Directory.GetFiles(directory.Path));
    }

    [Fact]
    public void Write_TwoTensorsOfOneName_IsRefused()
    {
        using var directory = new TempDirectory();

        Assert.Throws<ArgumentException>(() => SafetensorsWriter.Write(directory.File("t"), [new("a", [1], new float[] { 1 }), new("a", [1], new float[] { 2 })]));
    }

    [Theory]
    [InlineData("__metadata__", new[] { 2 })]
    [InlineData("a", new[] { 3 })]
    [InlineData("a", new[] { -1, -2 })]
    [InlineData("a", new[] { 1, 1, 1, 1, 1, 1, 1, 1, 2 })]
    public void Entry_ThatCannotBeWritten_IsRefused(string name, int[] shape) =>
        Assert.ThrowsAny<ArgumentException>(() => new SafetensorsEntry(name, shape, new float[] { 1, 2 }));
}
