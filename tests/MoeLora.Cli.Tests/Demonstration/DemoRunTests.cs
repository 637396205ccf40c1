using MoeLora.Adapters;
using MoeLora.Cli.Demonstration;
using MoeLora.Training.Records;

namespace MoeLora.Cli.Tests.Demonstration;

public sealed class DemoRunTests
{
    private static readonly PromptRecord[] Records = [.. ((string[])["KUAKE-QQR", "KUAKE-QTR", "CHIP-STS"]).Select(task => new PromptRecord
    {
        Input = $"a prompt of {task}",
        Target = $"{task} by v2",
        AnswerChoices = null,
        TaskType = "matching",
        TaskDataset = task,
        SampleId = "1",
    })];

    private string _version = "v1";
    private int _calls;

    [Fact]
    public async Task Run_AnUpgradeThatLosesNothing_ShowsBothVersions()
    {
        DemoReport report = await RunAsync((_, answer) => answer);

        Assert.True(report.Upgrade.IsClean);
        Assert.Equal(report.Upgrade.Requests, report.Upgrade.ByV1 + report.Upgrade.ByV2);
        Assert.True(report.Upgrade is { ByV1: >= 4, ByV2: >= 4 });
        Assert.Equal((0, 1), (report.AverageV1, report.AverageV2));
        DemoTask task = report.Tasks.Single(task => task.Task == "CHIP-STS");
        Assert.Equal(("a prompt of CHIP-STS", "CHIP-STS by v2", "CHIP-STS by v1", "CHIP-STS by v2"), (task.Prompt, task.Expected, task.V1.Answer, task.V2.Answer));
    }

    [Fact]
    public async Task Run_ARequestThatIsLost_IsCountedAndNotClean()
    {
        DemoReport report = await RunAsync((call, answer) => call == Records.Length + 2 ? throw new HttpRequestException("gone") : answer);

        Assert.Equal((1, 0, false), (report.Upgrade.Lost, report.Upgrade.Mixed, report.Upgrade.IsClean));
        Assert.Equal(report.Upgrade.Requests, report.Upgrade.ByV1 + report.Upgrade.ByV2 + 1);
    }

    [Theory]
    [InlineData("v1", "half of this")]
    [InlineData("v3", null)]
    public async Task Run_AnAnswerOfNeitherVersion_IsCountedAndNotClean(string adapter, string? text)
    {
        DemoReport report = await RunAsync((call, answer) => call == Records.Length + 2 ? new DemoAnswer(text ?? answer.Text, adapter) : answer);
        Assert.Equal((0, 1, false), (report.Upgrade.Lost, report.Upgrade.Mixed, report.Upgrade.IsClean));
    }

    [Fact]
    public async Task Run_TheSameBundleTwice_IsRefused()
    {
        var run = new DemoRun(AskAsync((_, answer) => answer), _ => Task.CompletedTask, Records);
        CommandException exception = await Assert.ThrowsAsync<CommandException>(() => run.RunAsync((_, _) => { }, default));
        Assert.StartsWith("Version 2 is the same bundle as version 1 (v1)", exception.Message);
    }

    [Fact]
    public async Task Run_AnUpgradeThatFails_EndsTheCallersAndSaysWhy()
    {
        var run = new DemoRun(AskAsync((_, answer) => answer), _ => throw new AdapterException("v2", ["broken"]), Records);

        await Assert.ThrowsAsync<AdapterException>(() => run.RunAsync((_, _) => { }, default));

        int calls = _calls;
        await Task.Yield();
        Assert.Equal(calls, _calls);
    }

    [Fact]
    public async Task Run_Cancelled_Stops()
    {
        using var cancellation = new CancellationTokenSource();
        var run = new DemoRun(AskAsync((_, answer) => answer), token => Task.Delay(Timeout.Infinite, token), Records);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.RunAsync(
            (what, _) =>
            {
                if (what.StartsWith("Publishing", StringComparison.Ordinal))
                    cancellation.Cancel();
            },
            cancellation.Token));
    }

    private Task<DemoReport> RunAsync(Func<int, DemoAnswer, DemoAnswer> disturb) => new DemoRun(
        AskAsync(disturb),
        _ =>
        {
            Volatile.Write(ref _version, "v2");
            return Task.CompletedTask;
        },
        Records).RunAsync((_, _) => { }, default);

    private Func<PromptRecord, CancellationToken, Task<DemoAnswer>> AskAsync(Func<int, DemoAnswer, DemoAnswer> disturb) => async (record, cancellation) =>
    {
        int call = Interlocked.Increment(ref _calls);
        string version = Volatile.Read(ref _version);
        await Task.Yield();
        cancellation.ThrowIfCancellationRequested();
        return disturb(call, new DemoAnswer($"{record.TaskDataset} by {version}", version));
    };
}
