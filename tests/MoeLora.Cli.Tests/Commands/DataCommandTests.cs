using System.Text.Json;

namespace MoeLora.Cli.Tests.Commands;

public sealed class DataCommandTests : IDisposable
{
    private static readonly string Truth = Path.Combine(Packs.Model("promptcblue-synthetic"), "truth.jsonl");

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Check_GoodFile_CountsByTask()
    {
        Invocation run = await Invocation.RunAsync("data", "check", Truth, "--json");

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.True(run.Json.GetProperty("ok").GetBoolean());
        Assert.Equal(128, run.Json.GetProperty("records").GetInt32());
        Assert.Equal(16, run.Json.GetProperty("tasks").GetArrayLength());
        Assert.All(run.Json.GetProperty("tasks").EnumerateArray(), task => Assert.Equal(8, task.GetProperty("records").GetInt32()));
    }

    [Fact]
    public async Task Check_BadLines_FailsWithEachAndItsPlace()
    {
        string good = File.ReadLines(Truth).First(), path = _directory.File("bad.jsonl");
        File.WriteAllLines(path, [good, "{", good.Replace("CMeEE-V2\"", "poetry\"")]);

        Invocation run = await Invocation.RunAsync("data", "check", path, "--json");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Equal([("json", 2), ("unknown_task", 3)], run.Json.GetProperty("problems").EnumerateArray().Select(p => (p.GetProperty("kind").GetString()!, p.GetProperty("line").GetInt32())));
        Assert.Equal((2, 2), (run.Json.GetProperty("problem_count").GetInt32(), run.Json.GetProperty("bad_lines").GetInt32()));
    }

    [Fact]
    public async Task Check_BadLinesAsText_NamesFileAndLine()
    {
        string path = _directory.File("bad.jsonl");
        File.WriteAllLines(path, ["{}"]);

        Invocation run = await Invocation.RunAsync("data", "check", Truth, path);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"{path}:1: \"input\" is missing.", run.Out);
        Assert.Contains("128 records are good, 1 line is not.", run.Out);
    }

    [Fact]
    public async Task Check_WithATokenizer_HasLimits()
    {
        File.Copy(Path.Combine(Packs.Model("tokenizers"), "bpe", "tokenizer.json"), _directory.File("tokenizer.json"));

        Invocation run = await Invocation.RunAsync("data", "check", Truth, "--model", _directory.Path, "--max-target-tokens", "20", "--json");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Equal("tokens", run.Json.GetProperty("length_unit").GetString());
        Assert.Equal(["too_long"], run.Json.GetProperty("problem_counts").EnumerateObject().Select(kind => kind.Name));
        Assert.All(run.Json.GetProperty("tasks").EnumerateArray(), task => Assert.InRange(task.GetProperty("target").GetProperty("max").GetInt32(), 1, 20));
    }

    [Fact]
    public async Task Check_LimitWithoutATokenizer_IsAWrongCommandLine()
    {
        Invocation run = await Invocation.RunAsync("data", "check", Truth, "--max-input-tokens", "5");

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("moelora data check: --max-input-tokens needs a tokenizer", run.Error);
    }

    [Fact]
    public async Task Split_WritesBothFilesAndSaysWhatWentWhere()
    {
        string test = _directory.File("test.jsonl"), output = _directory.File("out");
        File.WriteAllLines(test, File.ReadLines(Truth).Take(32));

        Invocation run = await Invocation.RunAsync("data", "split", "--train", Truth, "--test", test, "--out", output, "--json");

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        JsonElement task = run.Json.GetProperty("tasks")[0];
        Assert.Equal((8, 2), (task.GetProperty("given").GetInt32(), task.GetProperty("dev").GetInt32()));
        Assert.Equal(run.Json.GetProperty("tasks").EnumerateArray().Sum(t => t.GetProperty("train").GetInt32()), File.ReadLines(Path.Combine(output, "train.jsonl")).Count());
        Assert.Equal(32, File.ReadLines(Path.Combine(output, "dev.jsonl")).Count());
        Assert.Empty(File.ReadLines(Path.Combine(output, "dev.jsonl")).Intersect(File.ReadLines(Path.Combine(output, "train.jsonl"))));
    }

    [Fact]
    public async Task Split_BadLine_IsSkippedOnlyWhenAsked()
    {
        string train = _directory.File("train.jsonl"), test = _directory.File("test.jsonl"), output = _directory.File("out");
        File.WriteAllLines(train, [.. File.ReadLines(Truth), "{"]);
        File.WriteAllLines(test, File.ReadLines(Truth).Take(16));
        string[] line = ["data", "split", "--train", train, "--test", test, "--out", output];

        Invocation refused = await Invocation.RunAsync(line);
        Invocation skipped = await Invocation.RunAsync([.. line, "--skip-bad"]);

        Assert.Equal(ExitCode.Failed, refused.ExitCode);
        Assert.Contains($"{train}:129: not one JSON object", refused.Error);
        Assert.Equal(ExitCode.Ok, skipped.ExitCode);
        Assert.Contains("1 bad line left out; problems: 1 json.", skipped.Out);
    }
}
