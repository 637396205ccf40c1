using System.Text.Json;
using MoeLora.Adapters;
using MoeLora.Adapters.Import;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Cli.Tests.Commands;

public sealed class TrainCommandTests : IDisposable
{
    private readonly TrainingFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Train_SmallModel_LeavesEverythingThatItNames()
    {
        Invocation run = await _fixture.TrainAsync("run", "--validation", _fixture.Validation, "--validation-interval", "2");

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Equal((4, "complete", 12), (run.Json.GetProperty("steps").GetInt32(), run.Json.GetProperty("end").GetString(), run.Json.GetProperty("samples").GetInt32()));
        Assert.True(run.Json.GetProperty("loss").GetDouble() > 0 && run.Json.GetProperty("validation_loss").GetDouble() > 0 && run.Json.GetProperty("tokens_per_second").GetDouble() > 0);
        JsonElement paths = run.Json.GetProperty("paths");
        foreach (string path in (string[])["configuration", "metrics", "curves", "checkpoint"])
            Assert.True(File.Exists(paths.GetProperty(path).GetString()), path);
        Adapter adapter = AdapterReader.OpenWithoutBase(paths.GetProperty("trained").GetString()!);
        Assert.Equal(["KUAKE-QIC", "CHIP-CTC"], adapter.Tasks.Select(task => task.Name.ToString()).OrderDescending());
        Assert.Equal(adapter.ParameterCount, run.Json.GetProperty("trainable_parameters").GetInt64());
        Assert.False(adapter.Bank.IsZero);
    }

    [Fact]
    public async Task Train_ConfigurationOfARun_GivesTheSameAdapterAgain()
    {
        Invocation first = await _fixture.TrainAsync("first");
        string again = _fixture.PathOf("again");
        Invocation second = await Invocation.RunAsync("train", "--config", Path.Combine(_fixture.PathOf("first"), "config.json"), "--out", again, "--json");

        Assert.Equal((ExitCode.Ok, ExitCode.Ok), (first.ExitCode, second.ExitCode));
        Assert.Equal(Bytes("first", "adapter/adapter_model.safetensors"), Bytes("again", "adapter/adapter_model.safetensors"));
    }

    [Fact]
    public async Task Resume_OfAnEarlyStopWithMorePatience_EndsWithTheBitsOfAWholeRun()
    {
        // So high a rate that the validation loss rises before the end.
        string[] options = ["--validation", _fixture.Validation, "--validation-interval", "1", "--learning-rate", "0.3", "--steps", "12", "--dropout", "0.2"];
        Invocation whole = await _fixture.TrainAsync("whole", options);
        Invocation part = await _fixture.TrainAsync("part", [.. options, "--patience", "1"]);
        Invocation resumed = await _fixture.TrainAsync("part", [.. options, "--resume"]);

        Assert.Equal((ExitCode.Ok, ExitCode.Ok, ExitCode.Ok), (whole.ExitCode, part.ExitCode, resumed.ExitCode));
        Assert.Equal("early_stop", part.Json.GetProperty("end").GetString());
        Assert.InRange(part.Json.GetProperty("steps").GetInt32(), 1, 11);
        Assert.Equal("complete", resumed.Json.GetProperty("end").GetString());
        Assert.Contains("patience was 1 and is 0", resumed.Error, StringComparison.Ordinal);
        Assert.Equal(Bytes("whole", "checkpoint.safetensors"), Bytes("part", "checkpoint.safetensors"));
        Assert.Equal(Bytes("whole", "adapter/adapter_model.safetensors"), Bytes("part", "adapter/adapter_model.safetensors"));
        Assert.Equal(Losses("whole"), Losses("part"));
    }

    [Fact]
    public async Task Resume_OfACompleteRun_ChangesNothing()
    {
        await _fixture.TrainAsync("run");
        byte[] before = Bytes("run", "adapter/adapter_model.safetensors");
        Directory.Delete(Path.Combine(_fixture.PathOf("run"), "adapter"), recursive: true); // as if it had been killed before it wrote that

        Invocation resumed = await _fixture.TrainAsync("run", "--resume");

        Assert.Equal(ExitCode.Ok, resumed.ExitCode);
        Assert.Equal(JsonValueKind.Null, resumed.Json.GetProperty("loss").ValueKind);
        Assert.Equal(before, Bytes("run", "adapter/adapter_model.safetensors"));
    }

    [Fact]
    public async Task Train_DirectoryInUse_IsRefusedUnlessTheSameRunGoesOn()
    {
        await _fixture.TrainAsync("run");

        Invocation again = await _fixture.TrainAsync("run");
        Invocation other = await _fixture.TrainAsync("run", "--resume", "--seed", "7", "--alpha", "3");
        string data = _fixture.Write("other.jsonl", Enumerable.Range(1, 12).Select(TrainingFixture.Record));
        Invocation otherData = await _fixture.TrainAsync("run", "--resume", "--train", data);
        Invocation nothing = await _fixture.TrainAsync("new", "--resume");

        Assert.All([again, other, otherData, nothing], run => Assert.Equal((ExitCode.Failed, ""), (run.ExitCode, run.Out)));
        Assert.Contains("is not empty", again.Error, StringComparison.Ordinal);
        Assert.Contains("alpha was 32 and is 3; seed was 42 and is 7", other.Error, StringComparison.Ordinal);
        Assert.Contains("other data", otherData.Error, StringComparison.Ordinal);
        Assert.Contains("nothing to resume", nothing.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_BadData_IsRefusedWithLinesAndSkippedWhenAsked()
    {
        string bad = _fixture.Write("bad.jsonl", [TrainingFixture.Record(0), "{\"input\":", TrainingFixture.Record(1), TrainingFixture.Record(2).Replace("CHIP-CTC", "CHIP-XYZ", StringComparison.Ordinal), TrainingFixture.Record(3).Replace("kind", new string('k', 2000), StringComparison.Ordinal)]);

        Invocation refused = await _fixture.TrainAsync("run", "--train", bad);
        Invocation longOnly = await _fixture.TrainAsync("run", "--train", bad, "--over-long", "skip");
        Invocation skipped = await _fixture.TrainAsync("run", "--train", bad, "--skip-bad");

        Assert.Equal((ExitCode.Failed, ExitCode.Failed, ExitCode.Ok), (refused.ExitCode, longOnly.ExitCode, skipped.ExitCode));
        foreach (int line in (int[])[2, 4, 5])
            Assert.Contains($"{bad}:{line}: ", refused.Error, StringComparison.Ordinal);
        Assert.Equal((2, 3), (skipped.Json.GetProperty("samples").GetInt32(), skipped.Json.GetProperty("skipped_lines").GetInt32()));
    }

    [Fact]
    public async Task Train_OverLongRecords_AreCutWhenAsked()
    {
        Invocation run = await _fixture.TrainAsync("run", "--max-input-tokens", "10", "--max-target-tokens", "3", "--over-long", "cut");
        Invocation refused = await _fixture.TrainAsync("other", "--max-input-tokens", "10", "--max-target-tokens", "3");

        Assert.Equal((ExitCode.Ok, ExitCode.Failed), (run.ExitCode, refused.ExitCode));
        Assert.Contains(":1: \"input\" has 16 tokens, more than 10.", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_Diverging_EndsWithAMessageAndKeepsTheCheckpoint()
    {
        Invocation run = await _fixture.TrainAsync("run", "--learning-rate", "1e30", "--clip-norm", "none", "--checkpoint-interval", "1");

        Assert.Equal((ExitCode.Failed, ""), (run.ExitCode, run.Out));
        Assert.Contains("training has diverged", run.Error, StringComparison.Ordinal);
        using Checkpoint kept = Checkpoint.Open(Path.Combine(_fixture.PathOf("run"), "checkpoint.safetensors"));
        Assert.Equal("1", kept.Metadata["step"]);
    }

    [Fact]
    public async Task Train_WrongConfiguration_IsRefusedWithEveryMistakeAndItsPlace()
    {
        string file = _fixture.Write("train.yaml", ["model: x", "steps: many", "wrong: 1"]);

        Invocation run = await Invocation.RunAsync("train", "--config", file, "--rank", "0");

        Assert.Equal((ExitCode.Usage, ""), (run.ExitCode, run.Out));
        foreach (string problem in (string[])[$"{file}:2: steps is many", $"{file}:3: there is no option wrong", "--rank: rank is 0", "train is missing", "out is missing"])
            Assert.Contains(problem, run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_LayersThatTheModelHasNot_AreRefusedByName()
    {
        Invocation run = await _fixture.TrainAsync("run", "--target-modules", "q_proj,dense");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("target_modules names dense, which the model has not; its dense layers are", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("defect", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Train_OneTask_TrainsOnItsRecordsOnly()
    {
        Invocation run = await _fixture.TrainAsync("run", "--task", "CHIP-CTC", "--method", "lora");

        Assert.Equal((ExitCode.Ok, 6), (run.ExitCode, run.Json.GetProperty("samples").GetInt32()));
        Assert.Equal(AdapterKind.Lora, AdapterReader.OpenWithoutBase(run.Json.GetProperty("paths").GetProperty("trained").GetString()!).Kind);
    }

    private byte[] Bytes(string directory, string file) => File.ReadAllBytes(Path.Combine(_fixture.PathOf(directory), file));

    /// <summary>Step and loss of every training and validation line.</summary>
    private string[] Losses(string directory) =>
    [
        .. from line in File.ReadLines(Path.Combine(_fixture.PathOf(directory), "metrics.jsonl"))
           let metric = JsonDocument.Parse(line).RootElement
           where metric.GetProperty("event").GetString() is "train" or "validation"
           select $"{metric.GetProperty("event")} {metric.GetProperty("step")} {metric.GetProperty("loss").GetRawText()}",
    ];
}
