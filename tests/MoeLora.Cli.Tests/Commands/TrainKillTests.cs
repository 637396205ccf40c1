using System.Diagnostics;
using System.Text.Json.Nodes;

namespace MoeLora.Cli.Tests.Commands;

/// <summary>A run that is killed with SIGKILL and resumed ends as one that was not disturbed.</summary>
public sealed class TrainKillTests : IDisposable
{
    private const int Steps = 60;

    private readonly TemporaryDirectory _directory = new();
    private readonly string _model;

    public TrainKillTests()
    {
        _model = Packs.Copy("llama-tiny", _directory);
        ByteTokenizer.Write(_model);
        WriteRecords("train.jsonl", 20);
        WriteRecords("validation.jsonl", 4);
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Train_KilledAndResumed_EndsWithTheSameBits()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5)); // against a child that hangs
        Invocation undisturbed = await Invocation.RunAsync(Command("whole"));
        Assert.True(undisturbed.ExitCode == ExitCode.Ok, undisturbed.Error);

        await KillAfterCheckpointsAsync(2, patience.Token);
        Assert.False(Directory.Exists(Output("killed", "adapter")));
        Invocation resumed = await Invocation.RunAsync("train", "--config", Output("killed", "config.json"), "--resume", "--json");

        Assert.True(resumed.ExitCode == ExitCode.Ok, resumed.Error);
        Assert.Equal(Steps, resumed.Json.GetProperty("steps").GetInt64());
        foreach (string member in (string[])["loss", "validation_loss", "best_step"])
            Assert.Equal(undisturbed.Json.GetProperty(member).GetRawText(), resumed.Json.GetProperty(member).GetRawText());
        string[] whole = Measured("whole"), killed = Measured("killed");
        Assert.Equal(Steps + Steps / 7 + 1, whole.Length);
        Assert.Equal(whole, killed);
        // Parameters and both moments after the last step, which hold every gradient of the run, and the best parameters.
        Assert.Equal(File.ReadAllBytes(Output("whole", "checkpoint.safetensors")), File.ReadAllBytes(Output("killed", "checkpoint.safetensors")));
        string[] files = [.. Directory.GetFiles(Output("whole", "adapter")).Select(file => Path.GetFileName(file)!)];
        Assert.NotEmpty(files);
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(Path.Combine(Output("whole", "adapter"), file)), File.ReadAllBytes(Path.Combine(Output("killed", "adapter"), file))));
    }

    private async Task KillAfterCheckpointsAsync(int count, CancellationToken cancellation)
    {
        Directory.CreateDirectory(Output("killed"));
        using var written = new SemaphoreSlim(0);
        using var watcher = new FileSystemWatcher(Output("killed"), "checkpoint.safetensors");
        watcher.Renamed += (_, _) => written.Release(); // checkpoints are written beside their place and renamed
        watcher.EnableRaisingEvents = true;

        using Process child = Process.Start(new ProcessStartInfo(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [Path.Combine(AppContext.BaseDirectory, "moelora.dll"), .. Command("killed")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = child.StandardOutput.ReadToEndAsync(cancellation), error = child.StandardError.ReadToEndAsync(cancellation);
        Task ended = child.WaitForExitAsync(cancellation);
        try
        {
            for (int i = 0; i < count; i++)
            {
                if (await Task.WhenAny(written.WaitAsync(cancellation), ended) == ended)
                    Assert.Fail($"The child ended by itself: {await output}{await error}");
            }
        }
        finally
        {
            child.Kill();
        }

        await ended;
        Assert.Equal(128 + 9, child.ExitCode);
    }

    /// <summary>What was measured in each step and validation, but for times, as it was written.</summary>
    private string[] Measured(string name) =>
    [
        .. from line in File.ReadLines(Output(name, "metrics.jsonl"))
           let metric = JsonNode.Parse(line)!
           where metric["event"]!.GetValue<string>() is "train" or "validation"
           select $"{metric["event"]} {metric["step"]} {metric["loss"]} {metric["learning_rate"]} {metric["gradient_norm"]}",
    ];

    private string[] Command(string name) =>
    [
        "train", "--model", _model, "--train", _directory.File("train.jsonl"), "--validation", _directory.File("validation.jsonl"), "--out", Output(name),
        "--steps", $"{Steps}", "--validation-interval", "7", "--checkpoint-interval", "3", "--batch-size", "4", "--pass-rows", "128", "--rank", "4", "--experts", "2",
        "--warmup-steps", "5", "--seed", "3", "--threads", "1", "--json",
    ];

    private string Output(params string[] parts) => Path.Combine([_directory.Path, .. parts]);

    private void WriteRecords(string file, int count) => File.WriteAllLines(
        _directory.File(file),
        Enumerable.Range(0, count).Select(i => new JsonObject
        {
            ["input"] = $"{file}: what follows {i}?",
            ["target"] = $"{i + 1}",
            ["answer_choices"] = new JsonArray("one", "two"),
            ["task_type"] = "ner",
            ["task_dataset"] = i % 2 == 0 ? "CMeEE-V2" : "CHIP-CTC",
            ["sample_id"] = $"{file}-{i}",
        }.ToJsonString()));
}
