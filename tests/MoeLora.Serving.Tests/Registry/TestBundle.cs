using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;

namespace MoeLora.Serving.Tests.Registry;

/// <summary>Bundles whose manifest and hashes are right and whose weights are a few random bytes: enough for everything but a real load.</summary>
internal sealed class TestBundle
{
    /// <summary>The base model that <see cref="MoeLora.Serving.Tests.Rollouts.FakeHost"/> has.</summary>
    public static readonly string BaseModelHash = new('a', 64);

    /// <summary>Another one that it has.</summary>
    public static readonly string OtherBaseModelHash = new('c', 64);

    private TestBundle(BundleManifest manifest, Dictionary<string, byte[]> files)
    {
        Manifest = manifest;
        Files = files;
    }

    public BundleManifest Manifest { get; }

    /// <summary>Names and contents, the manifest too.</summary>
    public Dictionary<string, byte[]> Files { get; }

    public BundleHash Hash => Manifest.ContentHash;

    public static TestBundle Make(string bank, string version, string? baseModelHash = null, int seed = 0, params string[] tasks)
    {
        byte[] weights = new byte[256];
        byte[] identity = SHA256.HashData(Encoding.UTF8.GetBytes($"{bank}@{version}"));
        new Random(seed + BinaryPrimitives.ReadInt32LittleEndian(identity)).NextBytes(weights);
        var files = new Dictionary<string, byte[]> { ["adapter_config.json"] = "{}"u8.ToArray(), ["adapter_model.safetensors"] = weights };
        string[] names = tasks.Length > 0 ? tasks : ["triage", "coding"];
        var manifest = new BundleManifest(
            new AdapterName(bank),
            new AdapterVersion(version),
            AdapterKind.SharedGate,
            baseModelHash ?? BaseModelHash,
            [.. names.Select((name, i) => new AdapterTask(i + 1, new TaskName(name)))],
            [.. files.OrderBy(file => file.Key, StringComparer.Ordinal).Select(file => new BundleFile(file.Key, file.Value.Length, Convert.ToHexStringLower(SHA256.HashData(file.Value))))]);
        files[BundleManifest.FileName] = Json(manifest, manifest.ContentHash.ToString());
        return new TestBundle(manifest, files);
    }

    public static byte[] Json(BundleManifest manifest, string contentHash)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteNumber("format_version", manifest.FormatVersion);
            json.WriteString("name", manifest.Name.ToString());
            json.WriteString("version", manifest.Version.ToString());
            json.WriteString("kind", "MMOELORAS");
            json.WriteString("base_model_hash", manifest.BaseModelHash);
            json.WriteStartObject("tasks");
            foreach (AdapterTask task in manifest.Tasks)
                json.WriteString(task.Id.ToString(CultureInfo.InvariantCulture), task.Name.ToString());
            json.WriteEndObject();
            json.WriteStartObject("files");
            foreach (BundleFile file in manifest.Files)
            {
                json.WriteStartObject(file.Name);
                json.WriteNumber("size", file.Size);
                json.WriteString("sha256", file.Sha256);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteString("content_hash", contentHash);
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    public byte[] Zip() => Zip([.. Files.Select(file => (file.Key, file.Value))]);

    /// <summary>A stream of the archive that cannot seek, as an upload.</summary>
    public Stream Upload() => new ForwardOnlyStream(Zip());

    public static byte[] Zip(IEnumerable<(string Name, byte[] Content)> entries, Action<ZipArchiveEntry>? also = null)
    {
        using var stream = new MemoryStream();
        using (var archive = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in entries)
            {
                ZipArchiveEntry entry = archive.CreateEntry(name, CompressionLevel.Fastest);
                also?.Invoke(entry);
                using Stream packed = entry.Open();
                packed.Write(content);
            }
        }

        return stream.ToArray();
    }
}

/// <summary>Bytes that come as from a network: once, in uneven pieces.</summary>
internal sealed class ForwardOnlyStream(byte[] content) : Stream
{
    private int _position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(byte[] buffer, int offset, int count)
    {
        int read = Math.Min(Math.Min(count, 97), content.Length - _position);
        content.AsSpan(_position, read).CopyTo(buffer.AsSpan(offset));
        _position += read;
        return read;
    }

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
