using System.Text.Json.Nodes;

namespace MoeLora.Cli.Tests.Commands;

public sealed class ExperimentCommandTests : IDisposable
{
    private readonly TrainingFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    private string Out => _fixture.PathOf("report");

    [Fact]
    public async Task Experiment_WithAnotherMethod_RunsOnlyWhatHasNoResultYet()
    {
        Invocation first = await RunAsync("--methods", "in-context,lora-full", "--json");
        Assert.Equal((ExitCode.Ok, 2, 0), (first.ExitCode, first.Json.GetProperty("cells").GetInt32(), first.Json.GetProperty("failed").GetInt32()));
        string[] cells = Cells();

        Invocation second = await RunAsync("--methods", "in-context,lora-full,moelora-d");
        Invocation third = await RunAsync("--methods", "in-context,lora-full,moelora-d");

        Assert.Equal((ExitCode.Ok, ExitCode.Ok), (second.ExitCode, third.ExitCode));
        Assert.Contains("Cell 1 of 1, moelora-d seed 1: average ", second.Error);
        Assert.DoesNotContain("lora-full seed", second.Error);
        Assert.DoesNotContain("Cell ", third.Error);
        Assert.Contains("3 cells, 0 failed.", third.Out);
        Assert.Equal(cells, Cells()[..2]); // times and all
        Assert.Equal(3, Cells().Length);
    }

    [Fact]
    public async Task Experiment_Done_LeavesTheReport()
    {
        Assert.Equal(ExitCode.Ok, (await RunAsync("--methods", "lora-full", "--sweep-ranks", "8", "--title", "Toys & games")).ExitCode);

        Assert.Superset(
            new HashSet<string?>(["results.json", "report.html", "report.md", "scores.csv", "cells.csv", "expert_weights.csv"]), Directory.GetFiles(Out).Select(Path.GetFileName).ToHashSet());
        string html = await File.ReadAllTextAsync(Path.Combine(Out, "report.html"));
        Assert.Contains("Toys &amp; games", html);
        Assert.Contains("LoRA (Full)", html);
        string scores = await File.ReadAllTextAsync(Path.Combine(Out, "scores.csv"));
        Assert.Contains("CHIP-CTC", scores);
        Assert.Contains("rank", await File.ReadAllTextAsync(Path.Combine(Out, "cells.csv")));
    }

    [Theory]
    [InlineData("--steps", "3", "steps 3")]
    [InlineData("--rank", "8", "rank 8")]
    [InlineData("--target-modules", "q_proj", "target modules")]
    [InlineData("--weight-decay", "0.1", "weight decay 0.1")]
    public async Task Experiment_WithOtherSettings_IsRefusedAndNamesThem(string option, string value, string named)
    {
        Assert.Equal(ExitCode.Ok, (await RunAsync("--methods", "in-context")).ExitCode);
        string[] cells = Cells();

        Invocation run = await RunAsync("--methods", "in-context,lora-full", option, value);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"holds results of other settings; now there is {named}", run.Error);
        Assert.Equal(cells, Cells());
    }

    [Fact]
    public async Task Experiment_ATrainingThatDiverges_IsReportedAndTriedAgain()
    {
        Invocation run = await RunAsync("--methods", "lora-full,in-context", "--learning-rate", "1e30");
        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("lora-full seed 1: failed: Step", run.Error);
        Assert.Contains("2 cells, 1 failed.", run.Out);
        Assert.Contains("training has diverged", await File.ReadAllTextAsync(Path.Combine(Out, "report.md")));

        Assert.Contains("Cell 1 of 1, lora-full seed 1", (await RunAsync("--methods", "lora-full,in-context", "--learning-rate", "1e30")).Error);
    }

    [Fact]
    public async Task Experiment_TestSetThatLacksATask_IsRefusedBeforeAnyCell()
    {
        string test = _fixture.Write("even.jsonl", [TrainingFixture.Record(30)]);

        Invocation run = await RunAsync("--methods", "in-context", "--test", test);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"{test}: there is no record of KUAKE-QIC", run.Error);
        Assert.False(Directory.Exists(Out));
    }

    [Fact]
    public async Task Experiment_LayersThatTheModelHasNot_AreNamed()
    {
        Invocation run = await RunAsync("--methods", "in-context", "--target-modules", "q_proj,wq");
        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("target_modules names wq", run.Error);
        Assert.DoesNotContain("defect", run.Error);
    }

    [Theory]
    [InlineData("--methods", "all,lora-full", "--methods: all stands alone.")]
    [InlineData("--methods", "lora", "--methods: there is no method lora; there are in-context, p-tuning, ")]
    [InlineData("--methods", "none", "there is nothing to run")]
    [InlineData("--methods", "lora-full,lora-full", "lora-full seed 1 is planned twice.")]
    [InlineData("--seeds", "1,x", "--seeds: 'x' is not a whole number of at least 0.")]
    [InlineData("--sweep-experts", "0", "--sweep-experts: '0' is not a whole number of at least 1.")]
    [InlineData("--sweep-experts", "3", "experts=3: experts is 3; it must divide the rank of 4.")]
    [InlineData("--sweep-samplers", "odd", "--sweep-samplers: there is no sampler odd")]
    [InlineData("--gate", "per-module", "method and gate are named by --methods")]
    public async Task Experiment_WhatCannotBe_IsAUsageError(string option, string value, string problem)
    {
        Invocation run = await RunAsync(option, value);
        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(problem, run.Error);
    }

    [Fact]
    public async Task Experiment_WithoutValidation_IsAUsageError()
    {
        Invocation run = await Invocation.RunAsync("experiment", "--model", _fixture.Model, "--train", _fixture.Train, "--test", _fixture.Test, "--out", Out);
        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("validation is missing", run.Error);
    }

    private Task<Invocation> RunAsync(params string[] more)
    {
        (string Option, string Value)[] usual =
        [
            ("--model", _fixture.Model), ("--train", _fixture.Train), ("--validation", _fixture.Validation), ("--test", _fixture.Test), ("--out", Out), ("--seeds", "1"),
            ("--validation-interval", "2"), ("--steps", "2"), ("--batch-size", "3"), ("--rank", "4"), ("--experts", "2"), ("--max-target-tokens", "12"), ("--threads", "1"),
        ];
        return Invocation.RunAsync(["experiment", .. usual.Where(option => !more.Contains(option.Option)).SelectMany(option => new[] { option.Option, option.Value }), .. more]);
    }

    private string[] Cells() => [.. JsonNode.Parse(File.ReadAllBytes(Path.Combine(Out, "results.json")))!["cells"]!.AsArray().Select(cell => cell!.ToJsonString())];
}
