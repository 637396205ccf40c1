namespace MoeLora.Cli;

/// <summary>A command cannot go on; the message tells the user why and how to mend it.</summary>
internal sealed class CommandException(string message) : Exception(message)
{
    /// <summary>Throws when there are problems, with all of them.</summary>
    public static void ThrowIfAny(IEnumerable<string> problems)
    {
        string[] all = [.. problems];
        if (all.Length > 0)
            throw new CommandException(string.Join('\n', all));
    }
}
