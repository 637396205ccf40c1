namespace MoeLora.Deploy.Tests;

/// <summary>A test that needs a program, skipped where it is not.</summary>
internal sealed class ToolFactAttribute : FactAttribute
{
    public ToolFactAttribute(string tool)
    {
        string[] places = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        if (!places.Any(place => File.Exists(Path.Combine(place, tool))))
            Skip = $"{tool} is not here.";
    }
}
