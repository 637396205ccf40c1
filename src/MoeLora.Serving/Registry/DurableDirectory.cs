using System.Runtime.InteropServices;

namespace MoeLora.Serving.Registry;

/// <summary>Makes the names in a directory survive a loss of power: .NET flushes files only.</summary>
internal static class DurableDirectory
{
    /// <exception cref="IOException">The directory could not be flushed.</exception>
    public static void Flush(string directory)
    {
        if (OperatingSystem.IsWindows())
            return; // NTFS keeps names in its journal, and opens no directory for this
        int handle = Open(directory, 0);
        if (handle < 0)
            throw new IOException($"The directory cannot be opened: {Marshal.GetLastPInvokeErrorMessage()}");
        try
        {
            if (Sync(handle) != 0)
                throw new IOException($"The directory cannot be flushed: {Marshal.GetLastPInvokeErrorMessage()}");
        }
        finally
        {
            _ = Close(handle);
        }
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Sync(int handle);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int handle);
}
