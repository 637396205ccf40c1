using MoeLora.Training.Methods;
using MoeLora.Training.Optimization;
using MoeLora.Training.Records;
using MoeLora.Training.Runs;

namespace MoeLora.Training.Tests.Methods;

public sealed class MethodRunnerTests(ToyTasks toy) : IClassFixture<ToyTasks>
{
    public static TheoryData<string> Methods => [.. Method.All.Select(method => method.Id)];

    [Theory]
    [MemberData(nameof(Methods))]
    public void Run_AnyMethod_AnswersEveryRecordInOrderAndAlikeForASeed(string id)
    {
        Method method = Method.Find(id)!;
        using MethodRunner runner = toy.Runner(), other = toy.Runner();

        MethodResult result = runner.Run(method, seed: 1), again = other.Run(method, seed: 1);

        Assert.Equal(ToyTasks.Data.Test.Select(record => record.SampleId), result.Predictions.Select(record => record.SampleId));
        Assert.Equal(result.Predictions, again.Predictions);
        Assert.Equal((result.ValidationLoss, result.Steps, result.Tokens), (again.ValidationLoss, again.Steps, again.Tokens));
        Assert.True(result.MillisecondsPerToken > 0);
        bool trains = method != Method.InContext;
        Assert.Equal((trains, trains, trains), (result.Steps > 0, result.Tokens > 0, result.TrainableParameters > 0));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Run_AnyMethod_HasExpertWeightsWhereThereIsOneGate(string id)
    {
        using MethodRunner runner = toy.Runner();

        IReadOnlyList<IReadOnlyList<float>>? weights = runner.Run(Method.Find(id)!, seed: 1).ExpertWeights;

        if (id is not ("moelora-d" or "moelora-s"))
        {
            Assert.Null(weights);
            return;
        }
        Assert.Equal(3, weights!.Count);
        Assert.All(weights, task => Assert.Equal(1, task.Sum(), 1e-5));
        int kept = id == "moelora-s" ? 1 : 2; // of two experts
        Assert.All(weights, task => Assert.Equal(kept, task.Count(weight => weight > 0)));
    }

    [Fact]
    public void Run_AnotherSeed_TrainsAnotherAdapter()
    {
        using MethodRunner runner = toy.Runner();
        Assert.NotEqual(runner.Run(Method.MoeLoraDense, seed: 1).ValidationLoss, runner.Run(Method.MoeLoraDense, seed: 2).ValidationLoss);
    }

    [Fact]
    public void Run_WithoutMoeAfterLoraFull_IsTheSameTraining()
    {
        using MethodRunner runner = toy.Runner(), other = toy.Runner();
        MethodResult full = runner.Run(Method.LoraFull, seed: 1);

        Assert.Same(full, runner.Run(Method.WithoutMoe, seed: 1, NoTraining));

        Assert.Equal(full.ValidationLoss, other.Run(Method.WithoutMoe, seed: 1).ValidationLoss);
    }

    [Fact]
    public void Run_ComposingMethodsAfterLoraSingle_UseItsLoras()
    {
        using MethodRunner runner = toy.Runner();
        MethodResult single = runner.Run(Method.LoraSingle, seed: 1);

        MethodResult[] composed = [runner.Run(Method.TaskArithmetic, seed: 1, NoTraining), runner.Run(Method.LoraHub, seed: 1, NoTraining)];

        Assert.All(composed, result => Assert.Equal((single.Steps, single.TrainableParameters), (result.Steps, result.TrainableParameters)));
        Assert.All(composed, result => Assert.Null(result.ValidationLoss));
        Assert.All(composed, result => Assert.True(result.TrainingTime > single.TrainingTime));
    }

    /// <summary>All tasks have the same inputs: with one adapter for all, only one of three answers can be right.</summary>
    [Fact]
    public void Run_LoraSingle_AnswersEachTaskWithItsOwnAdapter()
    {
        MethodSettings settings = ToyTasks.Settings with { Training = new TrainingSettings { Steps = 240, BatchSize = 6, Optimizer = new OptimizerSettings { LearningRate = 2e-2 } } };
        using MethodRunner runner = toy.Runner(settings);

        MethodResult single = runner.Run(Method.LoraSingle, seed: 1), full = runner.Run(Method.LoraFull, seed: 1);

        Assert.Equal(ToyTasks.Data.Test.Select(record => record.Target), single.Predictions.Select(record => record.Target));
        Assert.True(full.Predictions.Zip(ToyTasks.Data.Test).Count(pair => pair.First.Target == pair.Second.Target) <= ToyTasks.Data.Test.Count / 3);
        Assert.Equal(3 * full.TrainableParameters, single.TrainableParameters);
        Assert.Equal(full.Steps, single.Steps); // divided by the tasks' shares of the records
    }

    /// <summary>The gate knows the task. (A prompt that names it needs a base model that can read; this one is random.)</summary>
    [Theory]
    [InlineData("moelora-d")]
    [InlineData("moelora-m")]
    public void Run_MethodThatKnowsTheTask_LearnsWhatOnlyTheTaskSays(string id)
    {
        MethodSettings settings = ToyTasks.Settings with { Training = new TrainingSettings { Steps = 300, BatchSize = 6, Optimizer = new OptimizerSettings { LearningRate = 2e-2 } } };
        using MethodRunner runner = toy.Runner(settings);

        MethodResult result = runner.Run(Method.Find(id)!, seed: 1);

        Assert.Equal(ToyTasks.Data.Test.Select(record => record.Target), result.Predictions.Select(record => record.Target));
    }

    [Fact]
    public void Run_PromptsThatLeaveNoRoom_AreRefusedBeforeTraining()
    {
        using MethodRunner runner = toy.Runner(ToyTasks.Settings with { VirtualTokens = 75 });

        string message = Assert.Throws<RecordException>(() => runner.Run(Method.PTuning, seed: 1, NoTraining)).Message;

        Assert.StartsWith("toy.jsonl:15: the prompt has ", message);
        Assert.Contains("no room for 4 more in the model's 80 positions", message);
        Assert.Equal(ToyTasks.Data.Test.Count, message.Split('\n').Length);
    }

    [Fact]
    public void Run_Cancelled_StopsInsideAnyTraining()
    {
        using MethodRunner runner = toy.Runner();
        using var cancellation = new CancellationTokenSource();
        var steps = new List<string>();

        Assert.Throws<OperationCanceledException>(() => runner.Run(
            Method.LoraSingle, seed: 1,
            (name, _) =>
            {
                steps.Add(name);
                cancellation.Cancel();
            },
            cancellation.Token));

        Assert.Equal(["LoRA (Single), KUAKE-IR"], steps.Distinct());
    }

    [Fact]
    public void FindProblems_SetsThatLackATask_NamesSetAndTask()
    {
        MethodData data = ToyTasks.Data with { Test = [.. ToyTasks.Data.Test.Where(record => record.TaskDataset != "KUAKE-QQR")], Validation = [] };

        string problems = data.FindProblems(toy.Tuner(ToyTasks.Settings).Encoder(), maxNewTokens: 4).ToString();

        Assert.Contains("The validation set: there is no record of KUAKE-QTR", problems);
        Assert.Contains("toy.jsonl: there is no record of KUAKE-QQR", problems);
    }

    [Fact]
    public void FindProblems_UnknownTaskAndLongRecords_NamesTheLines()
    {
        PromptRecord record = ToyTasks.Record("KUAKE-IR", 20);
        MethodData data = ToyTasks.Data with
        {
            Train = [.. ToyTasks.Data.Train, record with { Target = new string('长', 80), SourceLine = 50 }],
            Test = [.. ToyTasks.Data.Test, record with { TaskDataset = "MedDG", SourceLine = 51 }, record with { Input = new string('长', 78), SourceLine = 52 }],
        };

        string[] problems = data.FindProblems(toy.Tuner(ToyTasks.Settings).Encoder(), maxNewTokens: 4).ToString().Split('\n');

        Assert.Equal(3, problems.Length);
        Assert.StartsWith("toy.jsonl:50: prompt and answer have ", problems[0]);
        Assert.StartsWith("toy.jsonl:51: the task MedDG is none of those that are trained", problems[1]);
        Assert.StartsWith("toy.jsonl:52: the prompt has ", problems[2]);
    }

    private static void NoTraining(string run, TrainingEvent happened) => Assert.Fail($"{run} was trained.");
}
