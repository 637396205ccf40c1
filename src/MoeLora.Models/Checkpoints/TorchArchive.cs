namespace MoeLora.Models.Checkpoints;

/// <summary>A tensor in a PyTorch archive: [Begin, End) are bytes of the file, and meaningless unless it is contiguous.</summary>
internal readonly record struct TorchSlot(CheckpointTensor Tensor, bool Contiguous, long Begin, long End);

/// <summary>
/// Reads what <c>torch.save</c> (1.6 and later) writes for a dictionary of tensors: a zip archive with <c>NAME/data.pkl</c>, which describes the
/// tensors, and <c>NAME/data/KEY</c>, the bytes of their storages.
/// </summary>
internal static class TorchArchive
{
    /// <summary>Room for a hundred thousand tensors.</summary>
    private const long MaxPickleBytes = 16 << 20;
    private const string PickleName = "/data.pkl";

    /// <summary>The tensors by name.</summary>
    /// <exception cref="CheckpointException">The file is not such an archive, is damaged or lies, or holds something besides tensors.</exception>
    public static IReadOnlyDictionary<string, TorchSlot> Read(ByteRegion bytes, string file)
    {
        RequireZip(bytes, file);
        IReadOnlyDictionary<string, ZipEntry> entries = ZipDirectory.Read(bytes, file);
        string[] pickles = [.. entries.Keys.Where(name => name.EndsWith(PickleName, StringComparison.Ordinal) && name.IndexOf('/') == name.Length - PickleName.Length)];
        if (pickles.Length != 1)
            throw new CheckpointException($"{file}: {pickles.Length} entries are named NAME/data.pkl where there should be one; this is not a PyTorch checkpoint.");
        string root = pickles[0][..^PickleName.Length];
        RequireLittleEndian(bytes, entries, root, file);

        ZipEntry pickle = entries[pickles[0]];
        if (pickle.Length > MaxPickleBytes)
            throw new CheckpointException($"{file}: data.pkl has {pickle.Length} bytes, over the limit of {MaxPickleBytes}.");
        object? value = PickleReader.Read(bytes.Span(pickle.Offset, (int)pickle.Length), $"{file}: data.pkl");
        if (value is not PickleDict tensors)
            throw new CheckpointException($"{file}: data.pkl does not hold a dictionary of tensors; save a model's state_dict().");

        var problems = new ProblemList(file);
        var slots = new Dictionary<string, TorchSlot>(StringComparer.Ordinal);
        foreach ((object? key, object? item) in tensors.Items)
        {
            if (key is not string name)
                problems.Add("a key of the dictionary is not text.");
            else if (item is not TorchTensor tensor)
                problems.Add($"{ProblemList.Quote(name)} is not a tensor; save a model's state_dict() alone.");
            else if (Slot(name, tensor, entries, root, problems) is { } slot && !slots.TryAdd(name, slot))
                problems.Add($"tensor {ProblemList.Quote(name)} appears twice.");
        }

        problems.ThrowIfAny();
        return slots;
    }

    private static TorchSlot? Slot(string name, TorchTensor tensor, IReadOnlyDictionary<string, ZipEntry> entries, string root, ProblemList problems)
    {
        TorchStorage storage = tensor.Storage;
        int width = storage.Kind.ElementBytes;
        if (!entries.TryGetValue($"{root}/data/{storage.Key}", out ZipEntry entry))
        {
            problems.Add($"tensor {ProblemList.Quote(name)} has its data in the entry {ProblemList.Quote("data/" + storage.Key)}, which is missing.");
            return null;
        }

        if ((Int128)storage.Elements * width != entry.Length)
        {
            problems.Add($"tensor {ProblemList.Quote(name)} claims a storage of {storage.Elements} elements of {width} bytes, but its entry has {entry.Length} bytes.");
            return null;
        }

        // The pickle's reader has checked that offset and shape lie inside the storage, so nothing here can overflow.
        long elements = tensor.Shape.Aggregate(1L, (product, size) => product * size);
        long begin = entry.Offset + tensor.Offset * width;
        var described = new CheckpointTensor(name, storage.Kind.DType, storage.Kind.FullName, tensor.Shape);
        return new TorchSlot(described, tensor.Contiguous, begin, tensor.Contiguous ? begin + elements * width : begin);
    }

    private static void RequireZip(ByteRegion bytes, string file)
    {
        ReadOnlySpan<byte> start = bytes.Span(0, (int)Math.Min(4, bytes.Length));
        if (start.SequenceEqual("PK\x03\x04"u8))
            return;
        const string Mend = "load it with a current PyTorch and save it again, or better as safetensors";
        throw new CheckpointException(start.Length > 1 && start[0] == 0x80
            ? $"{file}: this is the format of PyTorch before 1.6, which is not read; {Mend}."
            : $"{file}: this is not a PyTorch checkpoint (a zip archive as torch.save writes it since 1.6); if it is an older one, {Mend}.");
    }

    private static void RequireLittleEndian(ByteRegion bytes, IReadOnlyDictionary<string, ZipEntry> entries, string root, string file)
    {
        if (entries.TryGetValue($"{root}/byteorder", out ZipEntry order)
            && !(order.Length == 6 && bytes.Span(order.Offset, 6).SequenceEqual("little"u8)))
            throw new CheckpointException($"{file}: the byteorder entry does not say 'little'; save the file on a little-endian machine.");
    }
}
