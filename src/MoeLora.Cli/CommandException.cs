namespace MoeLora.Cli;

/// <summary>A command cannot go on; the message tells the user why and how to mend it.</summary>
internal sealed class CommandException(string message) : Exception(message);
