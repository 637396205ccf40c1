using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Npgsql;

namespace MoeLora.Serving.State;

/// <summary>
/// Where a node keeps what must outlive it: a SQLite file, or a PostgreSQL database. Each part of the node has its own context, tables and
/// migrations in it; one set of migrations serves both kinds, because nothing in the models is special to one.
/// </summary>
public sealed class StateDatabase : IDisposable
{
    private const int SqliteConstraint = 19;
    private static readonly TimeSpan LongestTurn = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan TurnPoll = TimeSpan.FromMilliseconds(20);

    private readonly SemaphoreSlim _migrations = new(1, 1);
    private readonly string _connection;
    private readonly string? _file; // null for PostgreSQL
    private readonly bool _isShared;
    private FileStream? _owned;

    private StateDatabase(string connection, string? file, bool isShared = false)
    {
        _connection = connection;
        _file = file;
        _isShared = isShared;
    }

    /// <summary>SQLite or PostgreSQL.</summary>
    public string Kind => _file is null ? "PostgreSQL" : "SQLite";

    /// <summary>A PostgreSQL connection string where the text holds a <c>=</c>; the path of a SQLite file otherwise.</summary>
    /// <exception cref="ArgumentException">It is neither. The message does not repeat it: it may hold a password.</exception>
    public static StateDatabase Parse(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        return text.Contains('=', StringComparison.Ordinal) ? PostgreSql(text) : Sqlite(text);
    }

    /// <summary>As <see cref="Parse"/>, for what several processes share: a SQLite file is theirs together, so it must be on a disk of their one machine.</summary>
    /// <exception cref="ArgumentException">It is neither. The message does not repeat it: it may hold a password.</exception>
    public static StateDatabase ParseShared(string text)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        return text.Contains('=', StringComparison.Ordinal) ? PostgreSql(text) : Sqlite(text, isShared: true);
    }

    /// <summary>A SQLite file, made at the first use. It belongs to one node at a time.</summary>
    public static StateDatabase Sqlite(string file) => Sqlite(file, isShared: false);

    private static StateDatabase Sqlite(string file, bool isShared)
    {
        string path = Path.GetFullPath(file);
        // The provider waits its command timeout for a lock that another connection holds, and begins transactions that write at once.
        return new StateDatabase(new SqliteConnectionStringBuilder { DataSource = path, DefaultTimeout = 30 }.ConnectionString, path, isShared);
    }

    /// <summary>A PostgreSQL database that exists.</summary>
    /// <exception cref="ArgumentException">It is no connection string, or names no host or no database.</exception>
    public static StateDatabase PostgreSql(string connectionString)
    {
        NpgsqlConnectionStringBuilder parts;
        try
        {
            parts = new NpgsqlConnectionStringBuilder(connectionString);
        }
        catch (ArgumentException e)
        {
            throw new ArgumentException($"The database's connection string cannot be read: {e.Message} Write Host=…;Database=…;Username=…;Password=….", e);
        }

        if (string.IsNullOrEmpty(parts.Host) || string.IsNullOrEmpty(parts.Database))
            throw new ArgumentException("The database's connection string names no host or no database. Write Host=…;Database=…;Username=…;Password=….");
        return new StateDatabase(parts.ConnectionString, null);
    }

    /// <summary>How a context reaches the database.</summary>
    /// <param name="historyTable">The table of the context's own migrations.</param>
    internal DbContextOptions<T> Options<T>(string historyTable)
        where T : DbContext
    {
        var builder = new DbContextOptionsBuilder<T>();
        if (_file is null)
            builder.UseNpgsql(_connection, npgsql => npgsql.MigrationsHistoryTable(historyTable));
        else
            builder.UseSqlite(_connection, sqlite => sqlite.MigrationsHistoryTable(historyTable));
        return builder.Options;
    }

    /// <summary>
    /// Brings the context's tables up to date. The first call on a SQLite file that is not shared takes it for this node until <see cref="Dispose"/>.
    /// Contexts of one database take turns, and so do processes that share a file.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another node uses the file.</exception>
    internal async Task MigrateAsync(DbContext context, CancellationToken cancellation)
    {
        await _migrations.WaitAsync(cancellation);
        try
        {
            if (_file is not null)
            {
                await TakeFileAsync(_file, cancellation);
                // A process that was killed while it migrated leaves this lock behind, and EF Core would wait for it for ever. The file is ours, for now at least.
                await context.Database.ExecuteSqlRawAsync("PRAGMA journal_mode = WAL; DROP TABLE IF EXISTS \"__EFMigrationsLock\";", cancellation);
            }

            await context.Database.MigrateAsync(cancellation);
        }
        finally
        {
            if (_isShared)
                ReleaseFile();
            _migrations.Release();
        }
    }

    /// <summary>Whether an exception says that the database failed or cannot be reached, and not that the program is wrong.</summary>
    internal static bool IsOutage(Exception exception) =>
        exception is DbException or DbUpdateException || (exception is InvalidOperationException && exception.InnerException is { } inner && IsOutage(inner));

    /// <summary>Whether an exception says that somebody else wrote what was to be written: a row changed since it was read, or is there already.</summary>
    internal static bool IsConflict(Exception exception) =>
        exception is DbUpdateConcurrencyException or DbUpdateException
        {
            InnerException: PostgresException { SqlState: PostgresErrorCodes.UniqueViolation or PostgresErrorCodes.SerializationFailure } or SqliteException { SqliteErrorCode: SqliteConstraint },
        };

    /// <summary>Times as text that sorts: UTC, ISO 8601.</summary>
    internal static ValueConverter<DateTimeOffset, string> TimeText { get; } = new(
        time => time.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
        text => new DateTimeOffset(DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind), TimeSpan.Zero));

    /// <summary>Gives the file back.</summary>
    public void Dispose()
    {
        ReleaseFile();
        _migrations.Dispose();
    }

    private void ReleaseFile()
    {
        _owned?.Dispose();
        _owned = null;
    }

    private async Task TakeFileAsync(string file, CancellationToken cancellation)
    {
        if (_owned is not null)
            return;
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        long start = Environment.TickCount64;
        while (true)
        {
            try
            {
                _owned = new FileStream(file + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
                return;
            }
            catch (IOException) when (_isShared && Environment.TickCount64 - start < LongestTurn.TotalMilliseconds)
            {
                await Task.Delay(TurnPoll, cancellation); // another process migrates; the system tells nobody when it is done
            }
            catch (IOException e)
            {
                throw new InvalidOperationException($"The database '{file}' cannot be taken, another node may be using it: {e.Message}", e);
            }
        }
    }
}
