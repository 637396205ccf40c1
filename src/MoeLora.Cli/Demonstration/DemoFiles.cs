using MoeLora.Training.Records;

namespace MoeLora.Cli.Demonstration;

/// <summary>What the demo is made of: a base model, two versions of an adapter bundle for it, and held-out records.</summary>
/// <param name="Directory">Where they are.</param>
internal sealed record DemoFiles(string Directory)
{
    /// <summary>The files that come with the program.</summary>
    public static string Bundled => Path.Combine(AppContext.BaseDirectory, "demo");

    public string Base => Path.Combine(Directory, "base");

    public string Test => Path.Combine(Directory, "test.jsonl");

    public string Bundle(int version) => Path.Combine(Directory, $"v{version}");

    /// <summary>The held-out records.</summary>
    /// <exception cref="CommandException">A part is missing.</exception>
    /// <exception cref="RecordException">Records are bad.</exception>
    public IReadOnlyList<PromptRecord> ReadTest()
    {
        string[] missing = [.. new[] { Base, Bundle(1), Bundle(2) }.Where(path => !System.IO.Directory.Exists(path)), .. new[] { Test }.Where(path => !File.Exists(path))];
        return missing.Length == 0
            ? RecordFile.ReadAll(Test)
            : throw new CommandException($"The demo lacks {string.Join(", ", missing)}. deploy/demo/make.sh makes all of it; --files names where it is.");
    }
}
