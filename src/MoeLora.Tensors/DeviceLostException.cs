namespace MoeLora.Tensors;

/// <summary>A device computes nothing any more, see <see cref="Device.FindFault"/>: what ran on it has ended, and nothing will run on it in this process.</summary>
public sealed class DeviceLostException : Exception
{
    /// <summary>Without a message.</summary>
    public DeviceLostException()
    {
    }

    /// <summary>With what the device says.</summary>
    public DeviceLostException(string message)
        : base(message)
    {
    }

    /// <summary>With what the device says, and the operation's exception.</summary>
    public DeviceLostException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
