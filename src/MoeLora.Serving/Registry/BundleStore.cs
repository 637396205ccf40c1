using System.IO.Pipelines;
using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;

namespace MoeLora.Serving.Registry;

/// <summary>
/// Bundles by content hash in a folder: <c>sha256-…/</c> for each, complete and never changed. What is on its way in is in <c>incoming/</c>,
/// which is emptied at start. Complete bundles are never removed, also when no version names them: publishing them again finds them.
/// One node owns the folder. Safe for any number of callers at once.
/// </summary>
internal sealed class BundleStore : IDisposable
{
    private readonly string _root;
    private readonly string _incoming;
    private readonly BundleLimits _limits;
    private const long FreeCheckBytes = 16 << 20;

    private readonly FileStream _owned;
    private readonly long _leastFree;
    private readonly Func<long> _free;

    private BundleStore(string root, string incoming, BundleLimits limits, FileStream owned, long leastFree, Func<long>? free)
    {
        _leastFree = leastFree;
        _free = free ?? (() => new DriveInfo(root).AvailableFreeSpace);
        _root = root;
        _incoming = incoming;
        _limits = limits;
        _owned = owned;
    }

    /// <summary>Takes the folder, makes it if need be, and removes what a crash left.</summary>
    /// <param name="directory">The folder.</param>
    /// <param name="limits">How large a bundle may be.</param>
    /// <param name="leastFree">Bytes that must stay free on the disk, for what else lies there; a bundle that would leave less is refused.</param>
    /// <param name="free">Bytes that are free; null for those of the folder's disk.</param>
    /// <exception cref="ArgumentException">The limits are wrong.</exception>
    /// <exception cref="InvalidOperationException">Another node uses the folder.</exception>
    public static BundleStore Open(string directory, BundleLimits limits, long leastFree = 0, Func<long>? free = null)
    {
        if (limits.FindProblems() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join(" ", problems), nameof(limits));
        string root = Path.GetFullPath(directory);
        Directory.CreateDirectory(root);
        FileStream owned;
        try
        {
            owned = new FileStream(Path.Combine(root, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new InvalidOperationException($"The bundle store '{root}' cannot be taken, another node may be using it: {e.Message}", e);
        }

        string incoming = Path.Combine(root, "incoming");
        if (Directory.Exists(incoming))
            Directory.Delete(incoming, recursive: true);
        Directory.CreateDirectory(incoming);
        return new BundleStore(root, incoming, limits, owned, leastFree, free);
    }

    /// <summary>
    /// Takes in an archive and verifies it: nothing of it is in the store yet when this returns.
    /// </summary>
    /// <param name="archive">Read to its end, and never kept in memory.</param>
    /// <param name="cancellation">Gives up; nothing is kept.</param>
    /// <returns>The bundle, to be kept or disposed; or <see cref="GridErrorKind.InvalidRequest"/> or <see cref="GridErrorKind.TooLarge"/>, or <see cref="GridErrorKind.Unavailable"/> where the disk is too full.</returns>
    public async Task<GridResult<IncomingBundle>> ReceiveAsync(Stream archive, CancellationToken cancellation)
    {
        string directory = Path.Combine(_incoming, Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(directory);
        bool taken = false;
        try
        {
            await using (FileStream packed = new(directory + ".zip", FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 4096, FileOptions.DeleteOnClose))
            {
                if (await CopyAsync(archive, packed, cancellation) is { } refused)
                    return refused;
                if (FindShortage(packed.Length) is { } full) // weights unpack to little more
                    return full;
                await BundleArchive.UnpackAsync(packed, directory, _limits, cancellation);
            }

            AdapterBundle bundle = AdapterBundle.Open(directory);
            DurableDirectory.Flush(directory);
            taken = true;
            return GridResult<IncomingBundle>.Success(new IncomingBundle(this, directory, bundle.Manifest));
        }
        catch (BundleTooLargeException e)
        {
            return new GridError(GridErrorKind.TooLarge, e.Message);
        }
        catch (AdapterException e)
        {
            return new GridError(GridErrorKind.InvalidRequest, Message(e));
        }
        finally
        {
            if (!taken)
                Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Whether a bundle is there, whole or damaged.</summary>
    public bool Holds(BundleHash hash) => Directory.Exists(PathOf(hash));

    /// <summary>A stored bundle, with every hash verified now.</summary>
    /// <exception cref="AdapterException">It is not there or damaged. Its problems hold no path; its message does.</exception>
    public AdapterBundle OpenBundle(BundleHash hash)
    {
        string directory = PathOf(hash);
        if (!Directory.Exists(directory))
            throw new AdapterException($"The bundle {hash}", ["it is not in this node's store; publish it again."]);
        AdapterBundle bundle = AdapterBundle.Open(directory);
        return bundle.Hash == hash ? bundle : throw new AdapterException($"The bundle {hash}", [$"the store holds {bundle.Hash} in its place; publish it again."]);
    }

    /// <summary>The archive of a bundle, made while it is read: never in memory as a whole. A bundle that cannot be read on ends it with its exception.</summary>
    public static Stream Pack(AdapterBundle bundle)
    {
        var pipe = new Pipe();
        _ = Task.Run(async () =>
        {
            Exception? failure = null;
            try
            {
                await using Stream output = pipe.Writer.AsStream(leaveOpen: true);
                await BundleArchive.PackAsync(bundle, output);
            }
            catch (Exception e)
            {
                failure = e; // the reader's
            }

            await pipe.Writer.CompleteAsync(failure);
        });
        return pipe.Reader.AsStream();
    }

    /// <summary>The problems of a bundle for a caller: without the path.</summary>
    public static string Message(AdapterException e) => "The bundle cannot be used: " + string.Join(" ", e.Problems.Take(20));

    /// <summary>Gives the folder back.</summary>
    public void Dispose() => _owned.Dispose();

    internal void Keep(string directory, BundleHash hash)
    {
        string target = PathOf(hash);
        if (Directory.Exists(target))
        {
            if (IsWhole(hash))
            {
                Directory.Delete(directory, recursive: true);
                return;
            }

            // Damaged where it lay: the same bundle, proven just now, takes its place.
            Directory.Move(target, Path.Combine(_incoming, Guid.NewGuid().ToString("N") + ".damaged"));
        }

        Directory.Move(directory, target);
        DurableDirectory.Flush(_root);
    }

    private bool IsWhole(BundleHash hash)
    {
        try
        {
            OpenBundle(hash);
            return true;
        }
        catch (AdapterException)
        {
            return false;
        }
    }

    private string PathOf(BundleHash hash) => Path.Combine(_root, hash.ToString().Replace(':', '-'));

    private async Task<GridError?> CopyAsync(Stream from, FileStream to, CancellationToken cancellation)
    {
        byte[] buffer = new byte[1 << 17];
        long nextCheck = 0;
        for (int read; (read = await from.ReadAsync(buffer, cancellation)) > 0;)
        {
            if (to.Position + read > _limits.ArchiveBytes)
                return new GridError(GridErrorKind.TooLarge, $"The archive has more than {_limits.ArchiveBytes} bytes, the most that is taken.");
            if (to.Position >= nextCheck)
            {
                if (FindShortage(FreeCheckBytes) is { } full)
                    return full;
                nextCheck = to.Position + FreeCheckBytes;
            }

            await to.WriteAsync(buffer.AsMemory(0, read), cancellation);
        }

        return null;
    }

    /// <summary>Why so many bytes more may not be written; null when they may.</summary>
    private GridError? FindShortage(long bytes) => _leastFree == 0 || _free() - bytes >= _leastFree
        ? null
        : new GridError(GridErrorKind.Unavailable, $"The node's disk is too full for this bundle: {_leastFree} bytes must stay free there, for the audit trail too. Make room, and publish it again.");
}

/// <summary>A verified bundle that is not in the store yet. Disposing it without keeping it leaves nothing.</summary>
internal sealed class IncomingBundle(BundleStore store, string directory, BundleManifest manifest) : IDisposable
{
    public BundleManifest Manifest => manifest;

    /// <summary>Puts it into the store, whole and durable. A bundle that is there already stays, unless it is damaged.</summary>
    public void Keep() => store.Keep(directory, manifest.ContentHash);

    public void Dispose()
    {
        if (Directory.Exists(directory))
            Directory.Delete(directory, recursive: true);
    }
}
