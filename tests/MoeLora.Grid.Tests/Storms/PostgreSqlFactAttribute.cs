using MoeLora.Serving.Tests.Databases;

namespace MoeLora.Grid.Tests.Storms;

/// <summary>A test on PostgreSQL, or the word that there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PostgreSqlFactAttribute : FactAttribute
{
    public PostgreSqlFactAttribute() => Skip = PostgreSqlServer.Missing;
}
