using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;
using MoeLora.Serving.Nodes;

namespace MoeLora.Grid.Banks;

/// <summary>
/// Brings bundles into the node's store: from the shared folder, from the silo that they were published on, or from any other that holds them. The store verifies
/// every hash; a bundle that is not the one that was asked for is not kept.
/// </summary>
internal sealed partial class BundleTransfer(ISiloNode node, IGrainFactory grains, ILocalSiloDetails self, BankSilos silos, ILogger<BundleTransfer> logger, BundleFolder? folder = null)
{
    private readonly ConcurrentDictionary<string, Lazy<Task<GridError?>>> _underWay = new(StringComparer.Ordinal);

    /// <summary>Brings a version's bundle into the node's store. The same one is fetched once, however many ask.</summary>
    /// <returns>Why it could not be fetched; null when it is there.</returns>
    public async Task<GridError?> FetchAsync(VersionMessage version)
    {
        Lazy<Task<GridError?>> fetch = _underWay.GetOrAdd(version.BundleHash, _ => new Lazy<Task<GridError?>>(() => Task.Run(() => FetchOnceAsync(version))));
        try
        {
            return await fetch.Value;
        }
        finally
        {
            _underWay.TryRemove(KeyValuePair.Create(version.BundleHash, fetch));
        }
    }

    /// <summary>Writes a stored bundle to the shared folder, where there is one.</summary>
    /// <returns>Why it could not be written; null when it was, or need not be.</returns>
    public async Task<GridError?> ShareAsync(StoredBundle bundle, CancellationToken cancellation)
    {
        if (folder is null)
            return null;
        try
        {
            await using Stream? archive = await node.OpenBundleAsync(bundle.BundleHash, cancellation);
            if (archive is not null)
                await folder.WriteAsync(bundle.BundleHash, archive, cancellation);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotShared(bundle.BundleHash, e);
            return new GridError(GridErrorKind.Unavailable, "The bundle could not be written to the shared folder of the cluster; it was not published. See the silo's log.");
        }
    }

    private async Task<GridError?> FetchOnceAsync(VersionMessage version)
    {
        var problems = new List<string>();
        if (await FromFolderAsync(version, problems))
            return null;
        string here = self.SiloAddress.ToParsableString();
        string[] others = [.. silos.Members.Select(silo => silo.ToParsableString()).Where(silo => silo != here).OrderByDescending(silo => silo == version.Holder).ThenBy(_ => Random.Shared.Next())];
        foreach (string silo in others)
        {
            if (await FromSiloAsync(silo, version, problems))
                return null;
        }

        string why = problems.Count == 0 ? "no other silo holds it" : string.Join(" ", problems);
        return new GridError(GridErrorKind.NotFound, $"The bundle {version.BundleHash} could not be fetched ({why}); publish it again.");
    }

    private async Task<bool> FromFolderAsync(VersionMessage version, List<string> problems)
    {
        try
        {
            await using Stream? archive = folder?.Open(version.BundleHash);
            return archive is not null && await StoreAsync(archive, "the shared folder", version, problems);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotFetched(version.BundleHash, "the shared folder", e);
            problems.Add("The shared folder cannot be read.");
            return false;
        }
    }

    private async Task<bool> FromSiloAsync(string silo, VersionMessage version, List<string> problems)
    {
        // A piece at a time: a message with many would be as large as the bundle.
        await using IAsyncEnumerator<byte[]> pieces = grains.GetGrain<ISiloGrain>(silo).ReadBundleAsync(version.BundleHash).WithBatchSize(1).GetAsyncEnumerator();
        try
        {
            ReadOnlyMemory<byte> first = await pieces.MoveNextAsync() ? pieces.Current : default;
            await using var archive = new PieceStream(pieces, first);
            return await StoreAsync(archive, silo, version, problems);
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (Exception e)
        {
            LogNotFetched(version.BundleHash, silo, e);
            problems.Add($"The silo {silo} broke off.");
            return false;
        }
    }

    private async Task<bool> StoreAsync(Stream archive, string source, VersionMessage version, List<string> problems)
    {
        GridResult<StoredBundle> stored = await node.StoreBundleAsync(
            archive, bundle => bundle.BundleHash == version.BundleHash ? null : new GridError(GridErrorKind.InvalidRequest, $"it is {bundle.BundleHash} instead."));
        if (stored.TryGet(out _, out GridError? error))
            return true;
        LogRefused(version.BundleHash, source, error.Message);
        problems.Add($"What {source} gave cannot be used: {error.Message}");
        return false;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The bundle {Bundle} could not be fetched from {Source}.")]
    private partial void LogNotFetched(string bundle, string source, Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "What {Source} gave as the bundle {Bundle} was refused: {Problem}")]
    private partial void LogRefused(string bundle, string source, string problem);

    [LoggerMessage(Level = LogLevel.Error, Message = "The bundle {Bundle} could not be written to the shared folder.")]
    private partial void LogNotShared(string bundle, Exception exception);
}
