using MoeLora.Serving.State;

namespace MoeLora.Grid.Hosting.Storage;

/// <summary>The database that all silos of a cluster share. Its tables are made and brought up to date by whoever comes first: nobody runs SQL by hand.</summary>
internal sealed class ClusterDatabase(string database) : IDisposable
{
    private readonly StateDatabase _database = StateDatabase.ParseShared(database);
    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile bool _isMigrated;

    /// <summary>A context, once the tables are there.</summary>
    public async Task<ClusterContext> OpenAsync(CancellationToken cancellation = default)
    {
        if (!_isMigrated)
            await MigrateAsync(cancellation);
        return New();
    }

    public void Dispose()
    {
        _database.Dispose();
        _turn.Dispose();
    }

    private ClusterContext New() => new(_database.Options<ClusterContext>(ClusterContext.HistoryTable));

    private async Task MigrateAsync(CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        try
        {
            if (_isMigrated)
                return;
            await using ClusterContext context = New();
            await _database.MigrateAsync(context, cancellation);
            _isMigrated = true;
        }
        finally
        {
            _turn.Release();
        }
    }
}
