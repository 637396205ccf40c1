using MoeLora.Grid.Messages;
using Orleans.Concurrency;

namespace MoeLora.Grid.Silos;

/// <inheritdoc cref="IBoardGrain"/>
[StatelessWorker, Reentrant]
internal sealed class BoardGrain(SiloBoard board, ISiloPeers peers) : Grain, IBoardGrain
{
    public Task<SiloReport[]> ReportsAsync(string[] known) =>
        Task.FromResult(board.Reports.Select(report => report.WithTasks(bundle => !known.Contains(bundle, StringComparer.Ordinal))).ToArray());

    public Task<string[]> MembersAsync() => Task.FromResult(peers.Members.ToArray());
}
