using MoeLora.Training.Methods;
using MoeLora.Training.Records;
using MoeLora.Training.Samples;

namespace MoeLora.Training.Tests.Methods;

public sealed class DemonstrationsTests(ToyTasks toy) : IClassFixture<ToyTasks>
{
    private static readonly PromptRecord Question = ToyTasks.Record("KUAKE-QQR", 90);

    [Fact]
    public void Before_WhereAllFit_HasThatManyAnsweredRecordsOfTheTask()
    {
        string[] parts = Before(count: 3, fits: _ => true).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(3, parts.Distinct().Count());
        Assert.Equal(3, parts.Length);
        IEnumerable<string> answered = ToyTasks.Data.Train.Where(record => record.TaskDataset == Question.TaskDataset).Select(record => $"{record.Input}\n{record.Target}");
        Assert.Empty(parts.Except(answered));
    }

    [Fact]
    public void Before_WhereNotAllFit_HasTheFirstOfThem()
    {
        string all = Before(count: 3, fits: _ => true), two = Before(count: 3, fits: text => text.Split("\n\n").Length <= 3);

        Assert.StartsWith(two, all);
        Assert.Equal(2, two.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal("", Before(count: 3, fits: _ => false));
    }

    [Fact]
    public void Before_IsAskedWhetherThePromptFitsWithTheInput()
    {
        var asked = new List<string>();
        Before(count: 1, fits: text =>
        {
            asked.Add(text);
            return true;
        });
        Assert.EndsWith($"\n\n{Question.Input}", Assert.Single(asked));
    }

    [Fact]
    public void Before_DependsOnTheSeed()
    {
        Assert.Equal(Before(count: 3, fits: _ => true, seed: 5), Before(count: 3, fits: _ => true, seed: 5));
        Assert.NotEqual(Before(count: 3, fits: _ => true, seed: 5), Before(count: 3, fits: _ => true, seed: 6));
    }

    [Fact]
    public void Before_ATaskThatIsNotTrained_HasNone() =>
        Assert.Equal("", new Demonstrations(ToyTasks.Data.Train, 2, seed: 1).Before(Question with { TaskDataset = "MedDG" }, _ => true));

    [Fact]
    public void Encoder_ManyDemonstrations_LeavesRoomForTheAnswer()
    {
        MethodSettings settings = ToyTasks.Settings with { Demonstrations = 12, MaxNewTokens = 10 };
        SampleEncoder encoder = Demonstrations.Encoder(toy.Tuner(settings)), plain = toy.Tuner(settings).Encoder();

        int prompt = encoder.Prompt(Question).Length;

        Assert.InRange(prompt, plain.Prompt(Question).Length + 1, 70);
    }

    [Fact]
    public void Encoder_WhereInputsAreCut_KeepsTheInputWhole()
    {
        MethodSettings settings = ToyTasks.Settings with { Demonstrations = 12, CutInputTokens = 40 };

        int[] prompt = Demonstrations.Encoder(toy.Tuner(settings)).Prompt(Question);

        Assert.InRange(prompt.Length, 1, 40);
        Assert.EndsWith(Question.Input, toy.Tokenizer.Decode(prompt));
    }

    private static string Before(int count, Func<string, bool> fits, int seed = 1) => new Demonstrations(ToyTasks.Data.Train, count, seed).Before(Question, fits);
}
