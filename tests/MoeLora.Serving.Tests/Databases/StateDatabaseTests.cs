using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using MoeLora.Serving.Registry;
using MoeLora.Serving.State;

namespace MoeLora.Serving.Tests.Databases;

public sealed class StateDatabaseTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Migrate_NewDatabase_LeavesNothingToMigrate(DatabaseKind kind)
    {
        using StateDatabase database = new TestDatabase(kind, _directory.Path).Open();
        await using var context = new RegistryContext(database.Options<RegistryContext>(RegistryContext.HistoryTable));

        await database.MigrateAsync(context, CancellationToken.None);
        await database.MigrateAsync(context, CancellationToken.None);

        Assert.False(context.Database.HasPendingModelChanges(), "The model has changed without a migration, or its snapshot was not changed with it.");
        Assert.Empty(await context.Database.GetPendingMigrationsAsync());
        Assert.Equal(["0001_CreateRegistry"], await context.Database.GetAppliedMigrationsAsync());
    }

    [Theory, OnSqlite, OnPostgreSql]
    public async Task Migrate_DownToNothing_RemovesTheTables(DatabaseKind kind)
    {
        using StateDatabase database = new TestDatabase(kind, _directory.Path).Open();
        await using var context = new RegistryContext(database.Options<RegistryContext>(RegistryContext.HistoryTable));
        await database.MigrateAsync(context, CancellationToken.None);

        await context.Database.MigrateAsync("0");

        await Assert.ThrowsAnyAsync<System.Data.Common.DbException>(() => context.Versions.ToArrayAsync());
    }

    [Fact]
    public async Task Migrate_SqliteFile_IsDurableAndReadWhileItIsWritten()
    {
        using StateDatabase database = StateDatabase.Sqlite(_directory["state.db"]);
        await using var context = new RegistryContext(database.Options<RegistryContext>(RegistryContext.HistoryTable));
        await database.MigrateAsync(context, CancellationToken.None);

        Assert.Equal("wal", await PragmaAsync("journal_mode"));
        Assert.Equal("2", await PragmaAsync("synchronous")); // FULL: a commit is on the disk when it returns

        async Task<string> PragmaAsync(string name)
        {
            await using var connection = new SqliteConnection($"Data Source={_directory["state.db"]}");
            await connection.OpenAsync();
            await using SqliteCommand command = connection.CreateCommand();
            command.CommandText = $"PRAGMA {name}";
            return (await command.ExecuteScalarAsync())!.ToString()!;
        }
    }

    [Fact]
    public async Task Migrate_AfterAProcessWasKilledWhileItMigrated_GoesOn()
    {
        using StateDatabase database = StateDatabase.Sqlite(_directory["state.db"]);
        await using var context = new RegistryContext(database.Options<RegistryContext>(RegistryContext.HistoryTable));
        await context.Database.ExecuteSqlRawAsync("CREATE TABLE \"__EFMigrationsLock\" (\"Id\" INTEGER NOT NULL PRIMARY KEY, \"Timestamp\" TEXT NOT NULL); INSERT INTO \"__EFMigrationsLock\" VALUES (1, '2026-01-01');");

        await database.MigrateAsync(context, CancellationToken.None).WaitAsync(TimeSpan.FromMinutes(5));

        Assert.Empty(await context.Database.GetPendingMigrationsAsync());
    }

    [Fact]
    public async Task Migrate_SqliteFileOfAnotherNode_IsRefused()
    {
        using StateDatabase first = StateDatabase.Sqlite(_directory["state.db"]);
        await new VersionRegistry(first).MigrateAsync(CancellationToken.None);
        using StateDatabase second = StateDatabase.Sqlite(_directory["state.db"]);

        InvalidOperationException e = await Assert.ThrowsAsync<InvalidOperationException>(() => new VersionRegistry(second).MigrateAsync(CancellationToken.None));

        Assert.Contains("another node", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("state/node.db", "SQLite")]
    [InlineData("Host=db;Database=moelora;Username=node;Password=secret", "PostgreSQL")]
    public void Parse_PathOrConnectionString_KnowsWhichItIs(string text, string kind)
    {
        using StateDatabase database = StateDatabase.Parse(text);

        Assert.Equal(kind, database.Kind);
    }

    [Theory]
    [InlineData("Host=db;Password=secret")]
    [InlineData("Database=moelora;Password=secret")]
    [InlineData("Server=db;Colour=secret")]
    public void Parse_ConnectionStringThatIsNone_IsRefusedWithoutRepeatingIt(string text)
    {
        ArgumentException e = Assert.ThrowsAny<ArgumentException>(() => StateDatabase.Parse(text));

        Assert.Contains("Host=…;Database=…", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", e.Message, StringComparison.Ordinal);
    }
}
