using MoeLora.Training.Adaptations;
using MoeLora.Training.Experiments;
using MoeLora.Training.Methods;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Sampling;

namespace MoeLora.Training.Tests.Experiments;

public sealed class ExperimentPlanTests
{
    private static readonly MethodSettings Settings = new();

    [Fact]
    public void Cells_MethodsAndSweeps_AreOfSeedAfterSeed()
    {
        var plan = new ExperimentPlan { Methods = [Method.LoraFull, Method.MoeLoraDense], Seeds = [3, 1], ExpertCounts = [2], Ranks = [32], Samplers = [SamplerKind.PerTask] };

        string[] cells = [.. plan.Cells().Select(cell => cell.ToString())];

        string[] round = ["lora-full seed 3", "moelora-d seed 3", "moelora-d experts=2 seed 3", "moelora-d rank=32 seed 3", "moelora-d sampler=per-task seed 3"];
        Assert.Equal(round.Concat(round.Select(cell => cell.Replace("seed 3", "seed 1"))), cells);
        Assert.Empty(plan.FindProblems(Settings));
    }

    [Fact]
    public void Cells_ByDefault_AreAllMethodsWithThreeSeeds() => Assert.Equal(3 * Method.All.Count, new ExperimentPlan().Cells().Count());

    [Fact]
    public void FindProblems_NothingToRun_SaysSo()
    {
        string[] problems = [.. new ExperimentPlan { Methods = [], Seeds = [] }.FindProblems(Settings)];
        Assert.Equal(["there is nothing to run: name methods or a sweep.", "seeds: give at least one."], problems);
    }

    [Fact]
    public void FindProblems_TemperatureOfOneInASweep_SaysThatItIsMixed() =>
        Assert.Contains(new ExperimentPlan { Samplers = [SamplerKind.Temperature] }.FindProblems(Settings), problem => problem.Contains("draws as mixed does"));

    [Fact]
    public void FindProblems_TheSameTwice_NamesTheCells()
    {
        var plan = new ExperimentPlan { Methods = [Method.LoraFull, Method.LoraFull], Seeds = [1], Ranks = [8, 8] };
        Assert.Equal(["lora-full seed 1 is planned twice.", "moelora-d rank=8 seed 1 is planned twice."], plan.FindProblems(Settings).Where(problem => problem.Contains("twice")));
    }

    [Fact]
    public void FindProblems_ASweepThatTheSettingsDoNotAllow_NamesTheVariant()
    {
        var plan = new ExperimentPlan { ExpertCounts = [3, 8], Ranks = [4] };

        string[] problems = [.. plan.FindProblems(Settings)]; // rank 16, 8 experts

        Assert.Equal(3, problems.Length);
        Assert.Equal("experts=3: experts is 3; it must divide the rank of 16.", problems[0]);
        Assert.StartsWith("experts=8 is what is configured", problems[1]);
        Assert.Equal("rank=4: experts is 8; it must divide the rank of 4.", problems[2]);
    }

    [Fact]
    public void FindProblems_OfTheSettingsThemselves_AreReported()
    {
        MethodSettings wrong = Settings with { Experts = new ExpertSettings { Alpha = -1 }, Training = Settings.Training with { BatchSize = 0 } };
        Assert.Equal(["alpha is -1; it must be positive.", "batch_size is 0; it must be at least 1."], new ExperimentPlan().FindProblems(wrong));
    }

    [Fact]
    public void Apply_ARank_KeepsTheScaling()
    {
        ExpertSettings experts = ExperimentPlan.Apply(ExperimentVariant.Rank(4), Settings).Experts;
        Assert.Equal((4, Settings.Experts.Alpha / Settings.Experts.Rank), (experts.Rank, experts.Alpha / experts.Rank));
    }

    [Fact]
    public void Apply_ExpertsOrASampler_ChangesThatOnly()
    {
        Assert.Equal(Settings with { Experts = Settings.Experts with { ExpertCount = 4 } }, ExperimentPlan.Apply(ExperimentVariant.Experts(4), Settings));
        Assert.Equal(SamplerKind.PerTask, ExperimentPlan.Apply(ExperimentVariant.Sampler("per-task"), Settings).Training.Sampler);
        Assert.Equal(Settings, ExperimentPlan.Apply(ExperimentVariant.Main, Settings));
    }
}
