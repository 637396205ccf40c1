using System.Runtime.InteropServices;

namespace MoeLora.Torch;

/// <summary>How libtorch says that memory is out, and how this device does.</summary>
internal static class DeviceMemory
{
    /// <summary>Whether an error of a native call means that the device has too little memory, and nothing worse.</summary>
    public static bool IsOut(ExternalException error) =>
        error.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase) || error.Message.Contains("can't allocate memory", StringComparison.Ordinal)
        || error.Message.Contains("not enough memory", StringComparison.Ordinal);

    /// <summary>The error for whoever asked, with libtorch's first line and without its stack.</summary>
    public static OutOfMemoryException Error(string device, string what, ExternalException error) =>
        new($"{device} has too little memory for {what}: {error.Message.Split('\n')[0]}", error);
}
