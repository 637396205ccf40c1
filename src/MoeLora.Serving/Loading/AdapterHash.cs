using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using MoeLora.Adapters;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Serving.Loading;

/// <summary>The identity of an adapter in provenance.</summary>
internal static class AdapterHash
{
    /// <summary>
    /// A bundle's content hash. For another format <c>sha256:</c> and the SHA-256 over its config and weight files in the ordinal order of
    /// their names: of each the name in UTF-8, a zero byte, the size as a little-endian u64, and the content.
    /// </summary>
    public static string Of(Adapter adapter, string directory)
    {
        if (adapter.Manifest is { } manifest)
            return manifest.ContentHash.ToString();

        string[] files = [Path.Combine(directory, "adapter_config.json"), .. WeightFiles(directory)];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] size = new byte[sizeof(ulong)];
        byte[] buffer = new byte[1 << 20];
        foreach (string file in files.OrderBy(Path.GetFileName, StringComparer.Ordinal))
        {
            using FileStream stream = File.OpenRead(file);
            hash.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(file) + '\0'));
            BinaryPrimitives.WriteUInt64LittleEndian(size, (ulong)stream.Length);
            hash.AppendData(size);
            for (int read; (read = stream.Read(buffer)) > 0;)
                hash.AppendData(buffer, 0, read);
        }

        return "sha256:" + Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static IReadOnlyList<string> WeightFiles(string directory)
    {
        using Checkpoint checkpoint = Checkpoint.OpenAdapter(directory);
        return checkpoint.Files;
    }
}
