namespace MoeLora.Deploy.Tests;

/// <summary>Shell scripts and systemd's units, by the programs that know them.</summary>
public sealed class ScriptTests
{
    [ToolFact("shellcheck")]
    public async Task Scripts_HaveNoFindings()
    {
        string[] scripts = [.. Directory.EnumerateFiles(Repository.At("deploy"), "*.sh", SearchOption.AllDirectories), Repository.At("tests", "MoeLora.Deploy.Tests", "read-only-root.sh")];

        (int code, string output) = await Commands.RunAsync("shellcheck", scripts);

        Assert.True(code == 0, output);
    }

    [ToolFact("systemd-analyze")]
    public async Task Units_AreUnderstood()
    {
        // The program is not installed here: any other one stands in its place.
        using var directory = new Serving.Tests.TemporaryDirectory();
        string[] units = [.. Directory.EnumerateFiles(Repository.At("deploy", "systemd")).Where(file => Path.GetExtension(file) is ".service" or ".timer")];
        foreach (string unit in units)
        {
            string text = await File.ReadAllTextAsync(unit);
            await File.WriteAllTextAsync(directory[Path.GetFileName(unit)], System.Text.RegularExpressions.Regex.Replace(text, "(?m)^ExecStart=[^ \n]+", "ExecStart=/bin/true"));
        }

        (int code, string output) = await Commands.RunAsync("systemd-analyze", ["verify", .. units.Select(unit => directory[Path.GetFileName(unit)])]);

        // It warns of what it ignores, and exits with 0 then.
        Assert.True(code == 0 && !output.Contains("moelora", StringComparison.Ordinal), output);
    }

    [Theory]
    [InlineData("moelora.service")]
    [InlineData("moelora-silo.service")]
    public void Unit_LetsAnswersFinishBeforeItKills(string unit)
    {
        string[] lines = File.ReadAllLines(Repository.At("deploy", "systemd", unit));
        int seconds = int.Parse(lines.Single(line => line.StartsWith("TimeoutStopSec=", StringComparison.Ordinal)).Split('=')[1], null);

        Assert.True(seconds >= new Cli.Nodes.NodeSettings { State = "", Bases = [] }.DrainSeconds + 45);
    }
}
