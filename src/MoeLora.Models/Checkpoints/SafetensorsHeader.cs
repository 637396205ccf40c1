using System.Buffers.Binary;
using System.Text.Json;

namespace MoeLora.Models.Checkpoints;

/// <summary>
/// Reads a safetensors header and believes none of it: a little-endian u64 with the header's length, a JSON object of tensors
/// (dtype, shape, data_offsets) and of <c>__metadata__</c>, then the data, which the tensors must cover exactly once.
/// </summary>
/// <remarks>Memory grows with the bytes that are really there, never with a number that the header claims.</remarks>
internal sealed class SafetensorsHeader
{
    /// <summary>The longest header that the format allows.</summary>
    public const long MaxHeaderBytes = 100_000_000;

    /// <summary>The one name in a header that is not a tensor.</summary>
    public const string MetadataKey = "__metadata__";

    /// <summary>A tensor, a list inside it, and one more, so that a nested value is reported by name rather than as broken JSON.</summary>
    private const int MaxDepth = 8;

    private const int LengthBytes = sizeof(ulong);

    private readonly ProblemList _problems;
    private readonly long _dataLength;
    private readonly Dictionary<string, SafetensorsSlot> _slots = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _metadata = new(StringComparer.Ordinal);
    private bool _hasMetadata;

    private SafetensorsHeader(string file, long dataLength)
    {
        _problems = new ProblemList(file);
        _dataLength = dataLength;
    }

    /// <summary>Reads the header of a whole file.</summary>
    /// <exception cref="CheckpointException">The file is not a safetensors file, or its header is not true; lists every problem found.</exception>
    public static SafetensorsLayout Read(ByteRegion bytes, string file)
    {
        if (bytes.Length < LengthBytes)
            throw new CheckpointException($"{file}: {bytes.Length} bytes cannot be a safetensors file, which begins with 8 bytes of header length; the file is cut short.");
        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(bytes.Span(0, LengthBytes));
        if (headerLength > MaxHeaderBytes)
            throw new CheckpointException($"{file}: the header claims {headerLength} bytes, over the format's limit of {MaxHeaderBytes}; this is not a safetensors file, or it is damaged.");
        if (headerLength > (ulong)(bytes.Length - LengthBytes))
            throw new CheckpointException($"{file}: the header claims {headerLength} bytes but only {bytes.Length - LengthBytes} follow; the file is cut short, download it again.");

        long dataStart = LengthBytes + (long)headerLength;
        var header = new SafetensorsHeader(file, bytes.Length - dataStart);
        header.ReadJson(bytes.Span(LengthBytes, (int)headerLength), file);
        header.CheckCoverage();
        header._problems.ThrowIfAny();
        return new SafetensorsLayout(dataStart, header._slots, header._metadata);
    }

    private void ReadJson(ReadOnlySpan<byte> json, string file)
    {
        if (json.IsEmpty || json[0] != (byte)'{')
            throw new CheckpointException($"{file}: the header does not begin with '{{'; this is not a safetensors file.");
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                ReadMember(ref reader);
            reader.Read();
        }
        catch (JsonException e)
        {
            throw new CheckpointException($"{file}: the header is not valid JSON near its byte {reader.BytesConsumed}: {e.Message}", e);
        }
    }

    private void ReadMember(ref Utf8JsonReader reader)
    {
        string? name = Text(ref reader);
        reader.Read();
        if (name is null)
        {
            _problems.Add("a tensor's name is not valid Unicode text.");
            reader.Skip();
        }
        else if (name == MetadataKey)
            ReadMetadata(ref reader);
        else
            ReadTensor(ref reader, name);
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        if (_hasMetadata)
            _problems.Add("'__metadata__' appears twice.");
        _hasMetadata = true;
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            _problems.Add("'__metadata__' is not an object of strings.");
            reader.Skip();
            return;
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string? key = Text(ref reader);
            reader.Read();
            string? value = reader.TokenType == JsonTokenType.String ? Text(ref reader) : null;
            if (key is null || value is null)
            {
                _problems.Add($"'__metadata__' entry {ProblemList.Quote(key ?? "?")} is not a string.");
                reader.Skip();
            }
            else if (!_metadata.TryAdd(key, value))
                _problems.Add($"'__metadata__' entry {ProblemList.Quote(key)} appears twice.");
        }
    }

    private void ReadTensor(ref Utf8JsonReader reader, string name)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            Problem(name, "is not an object with dtype, shape and data_offsets.");
            reader.Skip();
            return;
        }

        int before = _problems.Count;
        string? dtypeName = null;
        int[]? shape = null;
        long[]? offsets = null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("dtype"u8))
                dtypeName = ReadDType(ref reader, name, dtypeName is not null);
            else if (reader.ValueTextEquals("shape"u8))
                shape = ReadShape(ref reader, name, shape is not null);
            else if (reader.ValueTextEquals("data_offsets"u8))
                offsets = ReadOffsets(ref reader, name, offsets is not null);
            else
            {
                Problem(name, $"has a key {ProblemList.Quote(Text(ref reader) ?? "?")}; a tensor has only dtype, shape and data_offsets.");
                reader.Skip();
            }
        }

        if (_problems.Count > before)
            return;
        if (dtypeName is null || shape is null || offsets is null)
            Problem(name, "lacks dtype, shape or data_offsets.");
        else
            AddTensor(name, dtypeName, shape, offsets[0], offsets[1]);
    }

    private void AddTensor(string name, string dtypeName, int[] shape, long begin, long end)
    {
        int before = _problems.Count;
        SafetensorsDType? dtype = SafetensorsDType.Find(dtypeName);
        if (dtype is null)
            Problem(name, $"has the unknown dtype {ProblemList.Quote(dtypeName)}.");
        if (begin > end || end > _dataLength)
            Problem(name, $"claims bytes [{begin}, {end}) of {_dataLength} bytes of data; the file is cut short or its header is damaged.");
        else if (dtype is not null && BitCount(shape, dtype.Bits) is var bits && (bits is null || bits % 8 != 0 || bits / 8 != end - begin))
            Problem(name, $"has {end - begin} bytes of data, which does not fit {dtypeName} [{string.Join(", ", shape)}].");
        if (_problems.Count == before && !_slots.TryAdd(name, new SafetensorsSlot(new CheckpointTensor(name, dtype!.DType, dtype.Name, shape), begin, end)))
            Problem(name, "appears twice.");
    }

    /// <summary>Bits of a tensor's elements, or null when they overflow.</summary>
    private static long? BitCount(int[] shape, int bits)
    {
        if (shape.Contains(0))
            return 0;
        Int128 total = bits;
        foreach (int size in shape)
        {
            total *= size;
            if (total > long.MaxValue)
                return null;
        }

        return (long)total;
    }

    private string? ReadDType(ref Utf8JsonReader reader, string name, bool again)
    {
        reader.Read();
        string? text = reader.TokenType == JsonTokenType.String ? Text(ref reader) : null;
        if (again || text is null)
            Problem(name, again ? "has two dtypes." : "has a dtype that is not a string.");
        reader.Skip();
        return text ?? "";
    }

    private int[] ReadShape(ref Utf8JsonReader reader, string name, bool again)
    {
        Span<long> sizes = stackalloc long[MatrixShape.MaxDimensions];
        int count = ReadNumbers(ref reader, sizes);
        if (again || count < 0)
            Problem(name, again ? "has two shapes." : $"has a shape that is not a list of at most {MatrixShape.MaxDimensions} whole numbers.");
        if (count < 0)
            return [];
        var shape = new int[count];
        for (int i = 0; i < count; i++)
        {
            if (sizes[i] > int.MaxValue)
                Problem(name, $"has a dimension of {sizes[i]}, over the limit of {int.MaxValue}.");
            else
                shape[i] = (int)sizes[i];
        }

        return shape;
    }

    private long[] ReadOffsets(ref Utf8JsonReader reader, string name, bool again)
    {
        Span<long> offsets = stackalloc long[2];
        int count = ReadNumbers(ref reader, offsets);
        if (again || count != 2)
            Problem(name, again ? "has two data_offsets." : "has data_offsets that are not two whole numbers.");
        return offsets.ToArray();
    }

    /// <summary>Reads a list of whole numbers from 0; -1 when it is anything else. Leaves the reader at the value's end in any case.</summary>
    private static int ReadNumbers(ref Utf8JsonReader reader, scoped Span<long> target)
    {
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartArray)
        {
            reader.Skip();
            return -1;
        }

        int count = 0;
        bool valid = true;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            valid &= reader.TokenType == JsonTokenType.Number && count < target.Length && reader.TryGetInt64(out target[count]) && target[count] >= 0;
            if (valid)
                count++;
            reader.Skip();
        }

        return valid ? count : -1;
    }

    /// <summary>The format wants every byte of the data in exactly one tensor.</summary>
    private void CheckCoverage()
    {
        if (_problems.Count > 0)
            return;
        SafetensorsSlot[] inOrder = [.. _slots.Values];
        Array.Sort(inOrder, static (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        long reached = 0;
        foreach (SafetensorsSlot slot in inOrder)
        {
            if (slot.Begin < reached)
                Problem(slot.Tensor.Name, $"claims bytes [{slot.Begin}, {slot.End}), which overlap another tensor's.");
            else if (slot.Begin > reached)
                _problems.Add($"bytes [{reached}, {slot.Begin}) of the data belong to no tensor.");
            reached = Math.Max(reached, slot.End);
        }

        if (reached < _dataLength)
            _problems.Add($"bytes [{reached}, {_dataLength}) of the data belong to no tensor.");
    }

    private void Problem(string tensor, string problem) => _problems.Add($"tensor {ProblemList.Quote(tensor)} {problem}");

    /// <summary>The text of a name or string, or null when it is not valid Unicode.</summary>
    private static string? Text(ref Utf8JsonReader reader)
    {
        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }
}
