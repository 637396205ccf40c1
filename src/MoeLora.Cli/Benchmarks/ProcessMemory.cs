using System.Globalization;

namespace MoeLora.Cli.Benchmarks;

/// <summary>This process's memory as Linux counts it.</summary>
/// <param name="Resident">VmRSS in bytes.</param>
/// <param name="Peak">VmHWM in bytes.</param>
internal readonly record struct ProcessMemory(long Resident, long Peak)
{
    private const string StatusFile = "/proc/self/status";

    /// <summary>The present state; null where the system has no such file.</summary>
    public static ProcessMemory? Read()
    {
        if (!File.Exists(StatusFile))
            return null;
        string[] lines = File.ReadAllLines(StatusFile);
        return new ProcessMemory(Bytes("VmRSS:"), Bytes("VmHWM:"));

        // VmRSS:	   12345 kB
        long Bytes(string field)
        {
            string line = lines.First(line => line.StartsWith(field, StringComparison.Ordinal));
            return 1024 * long.Parse(line.AsSpan(field.Length, line.Length - field.Length - " kB".Length), NumberStyles.AllowLeadingWhite, CultureInfo.InvariantCulture);
        }
    }
}
