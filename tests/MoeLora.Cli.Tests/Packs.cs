using System.Text.Json;

namespace MoeLora.Cli.Tests;

/// <summary>The reference packs in tests/data.</summary>
internal static class Packs
{
    /// <summary>Every pack, as arguments of a theory.</summary>
    public static TheoryData<string> Names => ["chatglm-tiny", "llama-tiny", "qwen2-tiny"];

    private static readonly string Data = FindData();

    /// <summary>A pack's directory, which is also its model's.</summary>
    public static string Model(string pack) => Path.Combine(Data, pack);

    /// <summary>A pack's adapter.</summary>
    public static string Adapter(string pack) => Path.Combine(Data, pack, "adapter");

    /// <summary>A prompt as the command line takes it.</summary>
    public static string Prompt(string pack, int prompt) => string.Join(',', Expected(pack).GetProperty("prompts")[prompt].EnumerateArray());

    /// <summary>The tokens that a task generates from prompt 0.</summary>
    public static int[] Greedy(string pack, int task) => Expected(pack).GetProperty("greedy").GetProperty($"{task}").Deserialize<int[]>()!;

    /// <summary>A copy of a pack that a test may change.</summary>
    public static string Copy(string pack, TemporaryDirectory directory)
    {
        foreach (string file in Directory.EnumerateFiles(Model(pack), "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(directory.Path, Path.GetRelativePath(Model(pack), file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return directory.Path;
    }

    private static JsonElement Expected(string pack) => JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Model(pack), "expected.json"))).RootElement;

    private static string FindData()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "MoeLora.Grid.sln")))
            directory = directory.Parent;
        return Path.Combine(directory?.FullName ?? throw new InvalidOperationException("MoeLora.Grid.sln is in no parent directory."), "tests", "data");
    }
}
