using System.Text.Json;

namespace MoeLora.Cli.Tests.Commands;

public sealed class DataSynthCommandTests
{
    [Fact]
    public async Task Synth_SizesAndCorpus_WritesFilesThatPassTheCheck()
    {
        using var directory = new TemporaryDirectory();
        string folder = directory.File("new");

        JsonElement report = (await Invocation.RunAsync(
            "data", "synth", "--out", folder, "--size", "12", "--imbalance", "3", "--dev-size", "2", "--test-size", "3", "--language", "both", "--corpus-size", "20", "--json")).Json;
        JsonElement[] tasks = [.. report.GetProperty("tasks").EnumerateArray()];
        Invocation check = await Invocation.RunAsync("data", "check", Path.Combine(folder, "train.jsonl"), Path.Combine(folder, "dev.jsonl"), Path.Combine(folder, "test.jsonl"), "--json");

        Assert.Equal(8, tasks.Length);
        Assert.Equal((4, 12), (tasks.Min(task => task.GetProperty("train").GetInt32()), tasks.Max(task => task.GetProperty("train").GetInt32())));
        Assert.All(tasks, task => Assert.Equal((2, 3), (task.GetProperty("dev").GetInt32(), task.GetProperty("test").GetInt32())));
        Assert.Equal(ExitCode.Ok, check.ExitCode);
        Assert.Equal(tasks.Sum(task => task.GetProperty("train").GetInt32()) + (8 * 5), check.Json.GetProperty("records").GetInt32());
        Assert.Equal(20, File.ReadLines(Path.Combine(folder, "corpus.jsonl")).Count());
    }

    [Fact]
    public async Task Synth_SameSeed_SameBytes()
    {
        using var directory = new TemporaryDirectory();
        string first = directory.File("first"), second = directory.File("second");
        foreach (string folder in new[] { first, second })
            Assert.Equal(ExitCode.Ok, (await Invocation.RunAsync("data", "synth", "--out", folder, "--size", "8", "--noise", "0.5", "--corpus-size", "50", "--seed", "9")).ExitCode);
        foreach (string file in new[] { "train.jsonl", "dev.jsonl", "test.jsonl", "corpus.jsonl" })
            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(first, file)), await File.ReadAllBytesAsync(Path.Combine(second, file)));
    }

    [Fact]
    public async Task Synth_WithoutCorpus_WritesNone()
    {
        using var directory = new TemporaryDirectory();
        Invocation run = await Invocation.RunAsync("data", "synth", "--out", directory.Path, "--size", "4");
        Assert.Contains("| all ", run.Out);
        Assert.Equal(["dev.jsonl", "test.jsonl", "train.jsonl"], Directory.GetFiles(directory.Path).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task Synth_WrongNumbers_NamesEachWithItsRange()
    {
        Invocation run = await Invocation.RunAsync("data", "synth", "--out", "x", "--noise", "2", "--imbalance", "0.5", "--language", "fr");
        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("--noise: '2' is not a number from 0 to 1.", run.Error);
        Assert.Contains("--imbalance: '0.5' is not a number from 1 to 1000.", run.Error);
        Assert.Contains("--language: 'fr' is not one of zh, en, both.", run.Error);
    }
}
