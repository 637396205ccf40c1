using MoeLora.Serving.State;

namespace MoeLora.Serving.Tests.Databases;

/// <summary>Where a test keeps state.</summary>
public enum DatabaseKind
{
    Sqlite,
    PostgreSql,
}

/// <summary>A new, empty database of a test, to be opened as often as it likes.</summary>
internal sealed class TestDatabase(DatabaseKind kind, string directory)
{
    private readonly string _connection = kind == DatabaseKind.Sqlite ? Path.Combine(directory, "state.db") : PostgreSqlServer.NewDatabase();

    public StateDatabase Open() => StateDatabase.Parse(_connection);
}
