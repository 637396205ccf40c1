namespace MoeLora.Grid.Tests.Redis;

/// <summary>A test on Redis, or the word that there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RedisFactAttribute : FactAttribute
{
    public RedisFactAttribute() => Skip = RedisServer.Missing;
}
