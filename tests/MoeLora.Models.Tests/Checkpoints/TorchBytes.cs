using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Tests.Checkpoints;

/// <summary>A tensor of a made-up PyTorch file; by default a contiguous float32 tensor that fills storage 0.</summary>
internal sealed record TestTensor(string Name, int[] Shape)
{
    public string Storage { get; init; } = "FloatStorage";

    public string Key { get; init; } = "0";

    public long Elements { get; init; } = Shape.Aggregate(1L, (product, size) => product * size);

    public long Offset { get; init; }

    public long[]? Stride { get; init; }

    public long[] RowMajor => [.. Shape.Select((_, i) => Shape[(i + 1)..].Aggregate(1L, (product, size) => product * size))];
}

/// <summary>PyTorch files in memory, true and lying.</summary>
internal static unsafe class TorchBytes
{
    public const string Root = "archive";

    /// <summary>An archive with this pickle and these storages, entries stored.</summary>
    public static byte[] File(byte[] pickle, params (string Key, byte[] Data)[] storages) =>
        Zip(CompressionLevel.NoCompression, [($"{Root}/data.pkl", pickle), .. storages.Select(storage => ($"{Root}/data/{storage.Key}", storage.Data))]);

    public static byte[] Zip(CompressionLevel level, params (string Name, byte[] Data)[] entries)
    {
        using var memory = new MemoryStream();
        using (var archive = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] data) in entries)
            {
                using Stream entry = archive.CreateEntry(name, level).Open();
                entry.Write(data);
            }
        }

        return memory.ToArray();
    }

    /// <summary>The pickle of a dictionary of tensors.</summary>
    public static byte[] Tensors(params TestTensor[] tensors)
    {
        var pickle = new PickleBytes().Proto().Op('}').Op('(');
        foreach (TestTensor tensor in tensors)
            pickle.Text(tensor.Name).Tensor(tensor);
        return pickle.Op('u').End();
    }

    public static byte[] Floats(params float[] values) => MemoryMarshal.AsBytes<float>(values).ToArray();

    public static IReadOnlyDictionary<string, TorchSlot> Read(byte[] file)
    {
        fixed (byte* start = file)
            return TorchArchive.Read(new ByteRegion(start, file.Length), "test.bin");
    }

    public static string ErrorOf(byte[] file) => Assert.Throws<CheckpointException>(() => Read(file)).Message;
}

/// <summary>Writes pickles opcode by opcode.</summary>
internal sealed class PickleBytes
{
    private readonly List<byte> _bytes = [];

    public PickleBytes Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public PickleBytes Op(char opcode) => Raw((byte)opcode);

    public PickleBytes Proto() => Raw(0x80, 2);

    public PickleBytes Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        return Op('X').Raw(BitConverter.GetBytes(utf8.Length)).Raw(utf8);
    }

    /// <summary>LONG1 with eight bytes, which holds any number.</summary>
    public PickleBytes Number(long number) => Raw(0x8a, 8).Raw(BitConverter.GetBytes(number));

    public PickleBytes Numbers(IEnumerable<long> numbers)
    {
        Op('(');
        foreach (long number in numbers)
            Number(number);
        return Op('t');
    }

    public PickleBytes Global(string module, string name) => Op('c').Raw(Encoding.UTF8.GetBytes($"{module}\n{name}\n"));

    public PickleBytes OrderedDict() => Global("collections", "OrderedDict").Op(')').Op('R');

    public PickleBytes Storage(string kind, string key, long elements) =>
        Op('(').Text("storage").Global("torch", kind).Text(key).Text("cpu").Number(elements).Op('t').Op('Q');

    public PickleBytes Tensor(TestTensor tensor) =>
        Global("torch._utils", "_rebuild_tensor_v2").Op('(')
            .Storage(tensor.Storage, tensor.Key, tensor.Elements)
            .Number(tensor.Offset)
            .Numbers(tensor.Shape.Select(size => (long)size))
            .Numbers(tensor.Stride ?? tensor.RowMajor)
            .Raw(0x89).OrderedDict().Op('t').Op('R');

    public byte[] End() => [.. _bytes, (byte)'.'];
}
