namespace MoeLora.Deploy.Tests;

/// <summary>A test of the long form that needs root and programs; it says which it lacks where it is skipped.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class LongRootFactAttribute : FactAttribute
{
    public LongRootFactAttribute(params string[] programs)
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        string[] missing = [.. programs.Where(program => !folders.Any(folder => File.Exists(Path.Combine(folder, program))))];
        if (Environment.GetEnvironmentVariable("MOELORA_LONG") != "1")
            Skip = "In the long form only (tests/run.sh --long).";
        else if (Environment.UserName != "root")
            Skip = "Needs root.";
        else if (missing.Length > 0)
            Skip = $"Not on PATH: {string.Join(", ", missing)}.";
    }
}
