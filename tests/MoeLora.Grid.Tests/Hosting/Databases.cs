using MoeLora.Serving.Tests;
using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Grid.Tests.Hosting;

/// <summary>New, empty databases that several silos may open.</summary>
internal static class Databases
{
    public static string New(DatabaseKind kind, TemporaryDirectory directory) => kind == DatabaseKind.Sqlite ? directory["cluster.db"] : PostgreSqlServer.NewDatabase();
}
