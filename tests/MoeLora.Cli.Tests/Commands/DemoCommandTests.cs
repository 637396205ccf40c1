using System.Text.Json;
using MoeLora.Training.Records;
using MoeLora.Training.Samples;
using MoeLora.Training.Synthesis;

namespace MoeLora.Cli.Tests.Commands;

/// <summary>The demo with a random base model and two random bundles of eight tasks.</summary>
public sealed class DemoCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Once_Json_IsOneReportOfBothVersions()
    {
        IReadOnlyList<PromptRecord> records = WriteFiles();

        Invocation run = await Invocation.RunAsync("demo", "--files", _directory.Path, "--once", "--json", "--threads", "1");

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        JsonElement report = run.Json;
        JsonElement[] tasks = [.. report.GetProperty("tasks").EnumerateArray()];
        Assert.Equal(records.Select(record => record.TaskDataset).Order(), tasks.Select(task => task.GetProperty("task").GetString()).Order());
        foreach (JsonElement task in tasks)
        {
            PromptRecord record = records.Single(record => record.TaskDataset == task.GetProperty("task").GetString());
            Assert.Equal((record.Input, record.Target), (task.GetProperty("prompt").GetString(), task.GetProperty("expected").GetString()));
            Assert.Equal(1, task.GetProperty("records").GetInt32());
            Assert.NotEmpty(task.GetProperty("metric").GetString()!);
            Assert.NotEqual(task.GetProperty("v1").GetProperty("answer").GetString(), task.GetProperty("v2").GetProperty("answer").GetString());
            Assert.All((string[])["v1", "v2"], version => Assert.InRange(task.GetProperty(version).GetProperty("score").GetDouble(), 0, 1));
        }
        JsonElement upgrade = report.GetProperty("upgrade");
        int Count(string name) => upgrade.GetProperty(name).GetInt32();
        Assert.True(Count("by_v1") >= 4, "The callers were under way before version 2 was published.");
        Assert.True(Count("by_v2") >= 4, "Every caller asks once more afterwards.");
        Assert.Equal((0, 0, Count("requests")), (Count("lost"), Count("mixed"), Count("by_v1") + Count("by_v2")));
        Assert.InRange(report.GetProperty("average_v1").GetDouble(), 0, 1);
        Assert.InRange(report.GetProperty("average_v2").GetDouble(), 0, 1);
        Assert.True(report.GetProperty("wall_seconds").GetDouble() > 0);
    }

    [Fact]
    public async Task Demo_PartsMissing_NamesThemAndTheScriptThatMakesThem()
    {
        Directory.CreateDirectory(_directory.File("base"));

        Invocation run = await Invocation.RunAsync("demo", "--files", _directory.Path, "--once");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"The demo lacks {_directory.File("v1")}, {_directory.File("v2")}, {_directory.File("test.jsonl")}. deploy/demo/make.sh makes all of it", run.Error);
        Assert.Empty(run.Out);
    }

    [Fact]
    public async Task Demo_AVersion2OfAnotherBase_FailsWithTheReason()
    {
        WriteFiles();
        Directory.Delete(_directory.File("v2"), recursive: true);
        File.Copy(Path.Combine(_directory.File("v1"), "manifest.json"), Path.Combine(Directory.CreateDirectory(_directory.File("v2")).FullName, "manifest.json"));

        Invocation run = await Invocation.RunAsync("demo", "--files", _directory.Path, "--once", "--threads", "1");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains(_directory.File("v2"), run.Error);
        Assert.DoesNotContain("defect", run.Error);
    }

    [Fact]
    public async Task Demo_AnAddressThatIsNone_IsAUsageError()
    {
        Invocation run = await Invocation.RunAsync("demo", "--url", "8080");
        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("--url: '8080' is not an address such as http://127.0.0.1:8080.", run.Error);
    }

    private IReadOnlyList<PromptRecord> WriteFiles()
    {
        SyntheticData data = SyntheticData.Generate(new SynthesisOptions { Size = 20, DevSize = 0, TestSize = 1, Seed = 1 });
        string baseModel = _directory.File("base");
        ToyModel.Write(baseModel, data.Train.Select(record => record.Input), maxPositions: 2048);
        foreach (int version in (int[])[1, 2])
            ToyModel.WriteBundle(_directory.File($"v{version}"), baseModel, TaskSet.Of(data.Test).TaskNames, version);
        RecordFile.Write(_directory.File("test.jsonl"), data.Test);
        return data.Test;
    }
}
