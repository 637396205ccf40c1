using System.Runtime.CompilerServices;
using MoeLora.Grid.Banks;
using MoeLora.Grid.Messages;
using Orleans.Concurrency;

namespace MoeLora.Grid.Silos;

/// <inheritdoc cref="ISiloGrain"/>
[Reentrant, OnNamedSilo]
internal sealed class SiloGrain(ISiloNode node, SiloBoard board, BankFollower follower) : Grain, ISiloGrain
{
    private const int PieceBytes = 1 << 20;

    public Task<FollowReply> FollowAsync(BankMessage bank) => follower.FollowAsync(bank);

    public async IAsyncEnumerable<byte[]> ReadBundleAsync(string bundleHash, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        await using Stream? bundle = await node.OpenBundleAsync(bundleHash, cancellation)
            ?? throw new FileNotFoundException($"The silo {node.Name} does not hold the bundle {bundleHash}.");
        while (true)
        {
            byte[] piece = new byte[PieceBytes];
            int read = await bundle.ReadAtLeastAsync(piece, piece.Length, throwOnEndOfStream: false, cancellation);
            if (read > 0)
                yield return read == piece.Length ? piece : piece[..read];
            if (read < piece.Length)
                yield break;
        }
    }

    public Task AnnounceAsync(SiloReport report)
    {
        board.Receive(report);
        return Task.CompletedTask;
    }

    public Task<SiloReport[]> ReportsAsync() => Task.FromResult(board.Reports.ToArray());
}
