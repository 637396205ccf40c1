using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace MoeLora.Torch.Native;

/// <summary>Loads libtorch and TorchSharp's native half, once for the process.</summary>
/// <remarks>
/// libLibTorchSharp.so of TorchSharp 0.107 asks for a version of the C++ library (GLIBCXX_3.4.32, of GCC 13) that Debian 12 and Ubuntu 22.04 do not have. It uses nothing of it: the one
/// symbol of that version is named, and no code or data refers to it. Where the file is refused, a copy is loaded in which that request is marked as one that may fail
/// (<see cref="ElfVersions"/>); on newer systems the file is loaded as it is.
/// </remarks>
internal static class NativeLibraries
{
    private const string Library = "libLibTorchSharp.so";
    private const string UnusedVersion = "GLIBCXX_3.4.32";

    private static readonly Lock Gate = new();
    private static bool _loaded;

    /// <summary>Does what can be done before TorchSharp loads them itself; where that is nothing, its error says what is missing.</summary>
    public static void Load()
    {
        lock (Gate)
        {
            if (_loaded || !OperatingSystem.IsLinux() || Find() is not { } path)
                return;
            // What it needs, from its own directory: a copy would not find it.
            foreach (string needed in (string[])["libtorch_cuda.so", "libtorch.so"])
                NativeLibrary.TryLoad(Path.Combine(Path.GetDirectoryName(path)!, needed), out _);
            _loaded = NativeLibrary.TryLoad(path, out _) || LoadCopy(path);
        }
    }

    [SupportedOSPlatform("linux")]
    private static bool LoadCopy(string path)
    {
        byte[] file = File.ReadAllBytes(path);
        if (!ElfVersions.TryMakeOptional(file, UnusedVersion))
            return false;
        string copy = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.so");
        try
        {
            using (var stream = new FileStream(copy, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute,
            }))
            {
                stream.Write(file);
            }
            return NativeLibrary.TryLoad(copy, out _);
        }
        finally
        {
            File.Delete(copy); // what is mapped stays
        }
    }

    /// <summary>The file where the host says that native libraries are.</summary>
    private static string? Find() => ((AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string) ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Append(AppContext.BaseDirectory)
        .Select(directory => Path.Combine(directory, Library))
        .FirstOrDefault(File.Exists);
}
