using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace MoeLora.Models.Checkpoints;

/// <summary>The identity of a base model: one hash over all that decides what it computes.</summary>
public static class BaseModelHash
{
    private const int BufferBytes = 1 << 20;

    /// <summary>
    /// SHA-256, in lower-case hex, over <c>config.json</c> and the weight files that <see cref="Checkpoint.Open"/> would read (an index and its shards
    /// included), in the ordinal order of their names; of each the name in UTF-8, a zero byte, the size as a little-endian u64, and the content.
    /// </summary>
    /// <param name="modelDirectory">The model's directory.</param>
    /// <param name="progress">Told the bytes hashed so far and in all, about once a megabyte.</param>
    /// <param name="cancellation">Ends the hashing early.</param>
    /// <exception cref="CheckpointException">The weights or <c>config.json</c> are not there or cannot be read.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public static string Hash(string modelDirectory, Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        string weights = CheckpointFiles.Locate(modelDirectory, CheckpointFiles.OfModel);
        if (!Directory.Exists(modelDirectory))
            throw new CheckpointException($"{modelDirectory}: a base model is a directory with its weights and config.json.");
        string[] files = [.. CheckpointFiles.WithShards(weights), Path.Combine(modelDirectory, "config.json")];
        Array.Sort(files, (a, b) => string.CompareOrdinal(Path.GetFileName(a), Path.GetFileName(b)));
        try
        {
            long total = files.Sum(file => new FileInfo(file).Length);
            long done = 0;
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            byte[] buffer = new byte[BufferBytes];
            byte[] size = new byte[sizeof(ulong)];
            foreach (string file in files)
            {
                using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, 0, FileOptions.SequentialScan);
                hash.AppendData(Encoding.UTF8.GetBytes(Path.GetFileName(file) + '\0'));
                BinaryPrimitives.WriteUInt64LittleEndian(size, (ulong)stream.Length);
                hash.AppendData(size);
                for (int read; (read = stream.Read(buffer)) > 0;)
                {
                    cancellation.ThrowIfCancellationRequested();
                    hash.AppendData(buffer, 0, read);
                    done += read;
                    progress?.Invoke(done, total);
                }
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{modelDirectory}: the model's files cannot be read: {e.Message}", e);
        }
    }
}
