namespace MoeLora.Cli;

/// <summary>The values on a command line do not go together; lists everything that is wrong.</summary>
internal sealed class UsageException(IReadOnlyList<string> problems) : Exception(string.Join('\n', problems))
{
    public IReadOnlyList<string> Problems { get; } = problems;
}
