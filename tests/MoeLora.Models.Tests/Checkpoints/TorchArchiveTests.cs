using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Checkpoints;

public sealed class TorchArchiveTests
{
    private static readonly byte[] SixFloats = TorchBytes.Floats(1, 2, 3, 4, 5, 6);

    [Fact]
    public void Open_TensorsThatShareAStorage_ShowEachItsPart()
    {
        using TempFile file = Write(TorchBytes.Tensors(
            new TestTensor("all", [2, 3]),
            new TestTensor("part", [2, 2]) { Elements = 6, Offset = 2 },
            new TestTensor("row", [1, 3]) { Elements = 6, Offset = 3, Stride = [999, 1] }));

        using var checkpoint = Checkpoint.Open(file.Path);

        Assert.Equal([1, 2, 3, 4, 5, 6], checkpoint.View("all").Floats());
        Assert.Equal([3, 4, 5, 6], checkpoint.View("part").Floats());
        Assert.Equal([4, 5, 6], checkpoint.View("row").Floats());
    }

    [Theory]
    [InlineData("HalfStorage", DType.F16)]
    [InlineData("BFloat16Storage", DType.BF16)]
    public void Open_HalfPrecision_ShowsTheBytes(string storage, DType dtype)
    {
        using TempFile file = Write(TorchBytes.Tensors(new TestTensor("w", [3, 4]) { Storage = storage }));

        using var checkpoint = Checkpoint.Open(file.Path);
        TensorView view = checkpoint.View("w");

        Assert.Equal((dtype, 3, 4), (view.DType, view.Rows, view.Columns));
        Assert.Equal(SixFloats, view.Bytes());
    }

    [Theory]
    [InlineData(new long[] { 1, 2 })]
    [InlineData(new long[] { 0, 1 })]
    [InlineData(new long[] { 2, 2 })]
    public void View_OfStridedTensor_SaysHowToMendIt(long[] stride)
    {
        using TempFile file = Write(TorchBytes.Tensors(new TestTensor("t", [2, 2]) { Elements = 6, Stride = stride }));
        using var checkpoint = Checkpoint.Open(file.Path);

        Assert.Contains(".contiguous()", Assert.Throws<CheckpointException>(() => { checkpoint.View("t"); }).Message);
    }

    [Fact]
    public void View_OfIntegers_IsRefusedThoughListed()
    {
        using TempFile file = Write(TorchBytes.Tensors(new TestTensor("ids", [3]) { Storage = "LongStorage" }));
        using var checkpoint = Checkpoint.Open(file.Path);

        Assert.Null(checkpoint.Tensors["ids"].DType);
        Assert.Contains("torch.LongStorage", Assert.Throws<CheckpointException>(() => { checkpoint.View("ids"); }).Message);
    }

    [Fact]
    public void Read_TensorInACorner_OfItsStorage_MayReachTheEndButNotBeyond()
    {
        Read(TorchBytes.Tensors(new TestTensor("t", [2]) { Elements = 6, Offset = 4 }));
        Read(TorchBytes.Tensors(new TestTensor("t", [0]) { Elements = 6, Offset = 6 }));
        Read(TorchBytes.Tensors(new TestTensor("t", [2]) { Elements = 6, Stride = [5] }));

        Assert.Contains("reaches element 6 of a storage of 6", ErrorOf(new TestTensor("t", [2]) { Elements = 6, Offset = 5 }));
        Assert.Contains("of a storage of 6", ErrorOf(new TestTensor("t", [0]) { Elements = 6, Offset = 7 }));
        Assert.Contains("reaches element 6 of a storage of 6", ErrorOf(new TestTensor("t", [2]) { Elements = 6, Stride = [6] }));
    }

    [Fact]
    public void Read_TensorThatLies_IsRefused()
    {
        Assert.Contains("claims a storage of 7 elements of 4 bytes, but its entry has 24", ErrorOf(new TestTensor("t", [7])));
        Assert.Contains("claims a storage of 5 elements", ErrorOf(new TestTensor("t", [5])));
        Assert.Contains("'data/9', which is missing", ErrorOf(new TestTensor("t", [6]) { Key = "9" }));
        Assert.Contains("which is missing", ErrorOf(new TestTensor("t", [6]) { Key = "../data/0" }));
        Assert.Contains("sizes below 2^31", ErrorOf(new TestTensor("t", [-1]) { Elements = 6 }));
        Assert.Contains("strides must be whole numbers from 0", ErrorOf(new TestTensor("t", [6]) { Stride = [-1] }));
        Assert.Contains("(storage, offset, size", ErrorOf(new TestTensor("t", [1]) { Elements = 6, Offset = -1 }));
        Assert.Contains("a persistent id must be", ErrorOf(new TestTensor("t", [1]) { Elements = -1 }));
        Assert.Contains("overflows", ErrorOf(new TestTensor("t", [int.MaxValue, int.MaxValue, int.MaxValue]) { Elements = 6, Stride = [0, 0, 0] }));
        Assert.Contains("overflows", ErrorOf(new TestTensor("t", [int.MaxValue, 2]) { Elements = 6, Stride = [long.MaxValue, 1] }));
        Assert.Contains("overflows", ErrorOf(new TestTensor("t", [2]) { Elements = 6, Offset = long.MaxValue }));
        Assert.Contains("up to 8", ErrorOf(new TestTensor("t", [6, 1, 1, 1, 1, 1, 1, 1, 1])));
        Assert.Contains("with 1 strides", ErrorOf(new TestTensor("t", [2, 3]) { Stride = [3] }));
        Assert.Contains("torch.QInt8Storage is not allowed", ErrorOf(new TestTensor("t", [6]) { Storage = "QInt8Storage" }));
    }

    [Fact]
    public void Read_HugeStorageThatIsNotThere_IsRefused() =>
        Assert.Contains("but its entry has 24", ErrorOf(new TestTensor("t", [1]) { Elements = long.MaxValue }));

    [Fact]
    public void Read_SeveralLies_ReportsAll()
    {
        byte[] pickle = TorchBytes.Tensors(new TestTensor("ok", [6]), new TestTensor("a", [7]), new TestTensor("b", [6]) { Key = "nope" }, new TestTensor("ok", [6]));

        string message = TorchBytes.ErrorOf(TorchBytes.File(pickle, ("0", SixFloats)));

        Assert.Contains("3 problems", message);
        Assert.All(["'a'", "'b'", "'ok' appears twice"], part => Assert.Contains(part, message));
    }

    [Fact]
    public void Read_ValuesThatAreNotTensors_AreNamed()
    {
        byte[] pickle = new PickleBytes().Op('}').Op('(').Text("epoch").Number(3).Text("state_dict").Op('}').Number(1).Op('N').Op('u').End();

        string message = TorchBytes.ErrorOf(TorchBytes.File(pickle));

        Assert.Contains("'epoch' is not a tensor", message);
        Assert.Contains("'state_dict' is not a tensor", message);
        Assert.Contains("a key of the dictionary is not text", message);
    }

    [Fact]
    public void Read_HooksOrStrangeMetadata_AreRefused()
    {
        byte[] hooks = new PickleBytes().Global("torch._utils", "_rebuild_tensor_v2").Op('(').Storage("FloatStorage", "0", 6).Number(0).Numbers([6]).Numbers([1])
            .Raw(0x89).Op('}').Text("hook").Op('N').Op('s').Op('t').Op('R').End();

        Assert.Contains("no hooks", TorchBytes.ErrorOf(TorchBytes.File(hooks, ("0", SixFloats))));
    }

    [Fact]
    public void Read_PickleOfSomethingElse_IsRefused() =>
        Assert.Contains("does not hold a dictionary", TorchBytes.ErrorOf(TorchBytes.File(new PickleBytes().Op('N').End())));

    [Fact]
    public void Read_ByteOrder_MustBeLittle()
    {
        byte[] pickle = TorchBytes.Tensors(new TestTensor("t", [6]));
        (string, byte[])[] Entries(string order) => [("x/data.pkl", pickle), ("x/byteorder", Encoding.ASCII.GetBytes(order)), ("x/data/0", SixFloats), ("x/version", [51, 10])];

        Assert.Single(TorchBytes.Read(TorchBytes.Zip(CompressionLevel.NoCompression, Entries("little"))));
        Assert.Contains("byteorder", TorchBytes.ErrorOf(TorchBytes.Zip(CompressionLevel.NoCompression, Entries("big"))));
    }

    [Theory]
    [InlineData("a/b/data.pkl", "0 entries are named")]
    [InlineData("data.pkl", "0 entries are named")]
    [InlineData("a/data.pkl,b/data.pkl", "2 entries are named")]
    public void Read_ArchiveWithoutOnePickle_IsRefused(string names, string expected) =>
        Assert.Contains(expected, TorchBytes.ErrorOf(TorchBytes.Zip(CompressionLevel.NoCompression, [.. names.Split(',').Select(name => (name, new byte[] { (byte)'}', (byte)'.' }))])));

    [Fact]
    public void Read_CompressedEntry_SaysHowToMendIt()
    {
        byte[] file = TorchBytes.Zip(CompressionLevel.Optimal, ("x/data.pkl", new byte[1000]));

        Assert.Contains("'x/data.pkl' is compressed", TorchBytes.ErrorOf(file));
    }

    [Fact]
    public void Read_FormatBeforeZip_SaysHowToMendIt()
    {
        // The magic number with which PyTorch before 1.6 began its files.
        byte[] legacy = Convert.FromHexString("80028a0a6cfc9c46f9206aa850192e");

        Assert.Contains("before 1.6", TorchBytes.ErrorOf(legacy));
        Assert.Contains("safetensors", TorchBytes.ErrorOf(legacy));
        Assert.Contains("not a PyTorch checkpoint", TorchBytes.ErrorOf([0]));
    }

    [Fact]
    public void Read_EveryTruncationOfAnArchive_IsRefused()
    {
        byte[] file = TorchBytes.File(TorchBytes.Tensors(new TestTensor("t", [6])), ("0", SixFloats));

        for (int length = 0; length < file.Length; length++)
            TorchBytes.ErrorOf(file[..length]);
        TorchBytes.Read(file);
    }

    [Theory]
    [InlineData(8, 1, "is encrypted")]
    [InlineData(10, 8, "is compressed")]
    [InlineData(20, 25, "has two sizes")]
    [InlineData(24, 25, "has two sizes")]
    [InlineData(42, 1, "does not begin where")]
    public void Read_DirectoryThatLies_IsRefused(int field, byte value, string expected)
    {
        byte[] file = TorchBytes.File(TorchBytes.Tensors(new TestTensor("t", [6])), ("0", SixFloats));
        int last = file.AsSpan().LastIndexOf("PK\x01\x02"u8);
        file[last + field] = value;

        Assert.Contains(expected, TorchBytes.ErrorOf(file));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Read_EntryThatReachesIntoTheDirectoryOrBeyondTheFile_IsRefused(int beyond)
    {
        byte[] file = TorchBytes.File(TorchBytes.Tensors(new TestTensor("t", [6])), ("0", SixFloats));
        int last = file.AsSpan().LastIndexOf("PK\x01\x02"u8);
        int size = file.Length - (int)TorchBytes.Read(file)["t"].Begin + beyond;
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(last + 20), size);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(last + 24), size);

        Assert.Contains("outside of the archive's data", TorchBytes.ErrorOf(file));
    }

    [Fact]
    public void Read_TwoEntriesOfOneName_IsRefused()
    {
        byte[] file = TorchBytes.Zip(CompressionLevel.NoCompression, ("x/data.pkl", [1]), ("x/data.pkl", [2]));

        Assert.Contains("'x/data.pkl' appears twice", TorchBytes.ErrorOf(file));
    }

    [Fact]
    public void Read_Zip64Sizes_AreUsed()
    {
        byte[] file = TorchBytes.File(TorchBytes.Tensors(new TestTensor("t", [6])), ("0", SixFloats));
        byte[] wide = WithZip64Sizes(file, 24);

        TorchSlot slot = Assert.Single(TorchBytes.Read(wide)).Value;

        Assert.Equal(SixFloats, wide[(int)slot.Begin..(int)slot.End]);
        Assert.Contains("outside of the archive's data", TorchBytes.ErrorOf(WithZip64Sizes(file, long.MaxValue)));
        Assert.Contains("outside of the archive's data", TorchBytes.ErrorOf(WithZip64Sizes(file, -1)));
    }

    /// <summary>Moves the last entry's sizes to a zip64 field, and the directory's place to a zip64 end record.</summary>
    private static byte[] WithZip64Sizes(byte[] file, long size)
    {
        int directory = file.AsSpan().IndexOf("PK\x01\x02"u8);
        int last = file.AsSpan().LastIndexOf("PK\x01\x02"u8);
        int end = file.AsSpan().LastIndexOf("PK\x05\x06"u8);
        byte[] header = file[last..end];
        header.AsSpan(20, 8).Fill(0xFF);
        header[30] = 20;
        byte[] extra = [1, 0, 16, 0, .. BitConverter.GetBytes(size), .. BitConverter.GetBytes(size)];
        byte[] entries = [.. file[directory..last], .. header, .. extra];

        byte[] end64 = new byte[56];
        "PK\x06\x06"u8.CopyTo(end64);
        BinaryPrimitives.WriteInt64LittleEndian(end64.AsSpan(40), entries.Length);
        BinaryPrimitives.WriteInt64LittleEndian(end64.AsSpan(48), directory);
        byte[] locator = new byte[20];
        "PK\x06\x07"u8.CopyTo(locator);
        BinaryPrimitives.WriteInt64LittleEndian(locator.AsSpan(8), directory + entries.Length);
        byte[] tail = file[end..];
        tail.AsSpan(8, 12).Fill(0xFF);
        return [.. file[..directory], .. entries, .. end64, .. locator, .. tail];
    }

    private static void Read(byte[] pickle) => TorchBytes.Read(TorchBytes.File(pickle, ("0", SixFloats)));

    private static string ErrorOf(TestTensor tensor) => TorchBytes.ErrorOf(TorchBytes.File(TorchBytes.Tensors(tensor), ("0", SixFloats)));

    private static TempFile Write(byte[] pickle) => new(TorchBytes.File(pickle, ("0", SixFloats)));

    private sealed class TempFile : IDisposable
    {
        private readonly TempDirectory _directory = new();

        public TempFile(byte[] content) => Path = _directory.Write("model.bin", content);

        public string Path { get; }

        public void Dispose() => _directory.Dispose();
    }
}
