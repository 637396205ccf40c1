namespace MoeLora.Serving;

/// <summary>A task that was asked for when a grid was made is not one of the adapter; the message lists those that there are.</summary>
public sealed class UnknownTaskException : Exception
{
    internal UnknownTaskException(string message)
        : base(message)
    {
    }
}
