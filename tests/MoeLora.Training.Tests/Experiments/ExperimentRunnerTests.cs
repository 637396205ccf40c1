using MoeLora.Training.Experiments;
using MoeLora.Training.Methods;
using MoeLora.Training.Optimization;
using MoeLora.Training.Reports.Results;
using MoeLora.Training.Runs;
using MoeLora.Training.Segmentation;
using MoeLora.Training.Tests.Methods;

namespace MoeLora.Training.Tests.Experiments;

public sealed class ExperimentRunnerTests(ToyTasks toy) : IClassFixture<ToyTasks>
{
    [Fact]
    public void Run_OfAMethod_GivesScoresOfEveryTaskAndWhatItCost()
    {
        using ExperimentRunner runner = Runner(ToyTasks.Settings);

        ExperimentCell cell = runner.Run(new CellKey("moelora-d", ExperimentVariant.Main, 7));

        Assert.Equal(("moelora-d", 7, CellStatus.Done), (cell.Method, cell.Seed, cell.Status));
        Assert.Equal(ToyTasks.Names, cell.Scores.Keys);
        Assert.Equal(ToyTasks.Names, cell.ExpertWeights!.Keys);
        Assert.Equal(3, cell.Steps);
        Assert.Equal(toy.Network.ParameterCount + cell.TrainableParameters, cell.TotalParameters);
        Assert.True(cell is { TrainingTokens: > 0, TrainingSeconds: > 0, MillisecondsPerToken: > 0, ValidationLoss: > 0 });
    }

    [Fact]
    public void Run_OfAVariant_TrainsItsShape()
    {
        using ExperimentRunner runner = Runner(ToyTasks.Settings);

        ExperimentCell main = runner.Run(new CellKey("moelora-d", ExperimentVariant.Main, 1));
        ExperimentCell wide = runner.Run(new CellKey("moelora-d", ExperimentVariant.Rank(8), 1));
        ExperimentCell many = runner.Run(new CellKey("moelora-d", ExperimentVariant.Experts(4), 1));

        Assert.True(wide.TrainableParameters > 1.8 * main.TrainableParameters);
        Assert.All(many.ExpertWeights!.Values, weights => Assert.Equal(4, weights.Count));
    }

    [Fact]
    public void Run_ThatDiverges_IsAFailedCellWithTheReason()
    {
        var training = new TrainingSettings { Steps = 4, BatchSize = 6, Optimizer = new OptimizerSettings { LearningRate = 1e30 } };
        using ExperimentRunner runner = Runner(ToyTasks.Settings with { Training = training });

        ExperimentCell cell = runner.Run(new CellKey("moelora-d", ExperimentVariant.Main, 1));

        Assert.Equal(CellStatus.Failed, cell.Status);
        Assert.Contains("training has diverged", cell.Failure);
        Assert.Empty(cell.Scores);
    }

    [Fact]
    public void Run_WhosePromptsDoNotFit_IsAFailedCellWithFileAndLine()
    {
        using ExperimentRunner runner = Runner(ToyTasks.Settings with { VirtualTokens = 75 });

        ExperimentCell cell = runner.Run(new CellKey("p-tuning", ExperimentVariant.Main, 1));

        Assert.Equal(CellStatus.Failed, cell.Status);
        Assert.StartsWith("toy.jsonl:15: ", cell.Failure);
    }

    [Fact]
    public void Run_Cancelled_IsNoFailedCell()
    {
        using ExperimentRunner runner = Runner(ToyTasks.Settings);
        Assert.Throws<OperationCanceledException>(() => runner.Run(new CellKey("lora-full", ExperimentVariant.Main, 1), cancellation: new CancellationToken(canceled: true)));
    }

    private ExperimentRunner Runner(MethodSettings settings) => new(toy.Network, toy.Tokenizer, ToyTasks.Data, settings, new BuiltInSegmenter());
}
