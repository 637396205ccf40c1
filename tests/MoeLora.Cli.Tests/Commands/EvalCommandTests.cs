namespace MoeLora.Cli.Tests.Commands;

public sealed class EvalCommandTests : IDisposable
{
    private readonly TrainingFixture _fixture = new();

    public void Dispose() => _fixture.Dispose();

    [Fact]
    public async Task Eval_AdapterBothWaysAndRun_GiveTheSameAnswers()
    {
        // A rate at which the answers of the tasks differ from the base model's.
        await _fixture.TrainAsync("run", "--learning-rate", "0.05", "--steps", "8");
        string served = _fixture.PathOf("served.jsonl"), trained = _fixture.PathOf("trained.jsonl"), bare = _fixture.PathOf("bare.jsonl");

        Invocation both = await EvalAsync("--adapter", Path.Combine(_fixture.PathOf("run"), "adapter"), "--mode", "both", "--out", served);
        Invocation run = await EvalAsync("--run", _fixture.PathOf("run"), "--out", trained);
        Invocation model = await EvalAsync("--out", bare);

        Assert.Equal((ExitCode.Ok, ExitCode.Ok, ExitCode.Ok), (both.ExitCode, run.ExitCode, model.ExitCode));
        Assert.Equal((0, 4), (both.Json.GetProperty("different_answers").GetInt32(), both.Json.GetProperty("records").GetInt32()));
        Assert.Equal(File.ReadAllText(trained), File.ReadAllText(served));
        Assert.NotEqual(File.ReadAllText(bare), File.ReadAllText(served));
    }

    [Fact]
    public async Task Eval_Answers_ScoreAsTheyDoFromTheFile()
    {
        string answers = _fixture.PathOf("answers.jsonl");

        Invocation eval = await EvalAsync("--out", answers, "--limit", "1", "--task", "KUAKE-QIC,CHIP-CTC");
        string two = _fixture.Write("two.jsonl", File.ReadLines(_fixture.Test).Take(2));
        Invocation score = await Invocation.RunAsync("eval", "score", "--truth", two, "--predictions", answers, "--json");

        Assert.Equal((ExitCode.Ok, ExitCode.Ok), (eval.ExitCode, score.ExitCode));
        Assert.Equal(score.Json.GetProperty("scores").GetRawText(), eval.Json.GetProperty("scores").GetRawText());
    }

    [Theory]
    [InlineData("lora")]
    [InlineData("lora-task-prompt")]
    [InlineData("p-tuning")]
    [InlineData("molora")]
    public async Task Eval_RunOfAnyMethod_AnswersOtherThanTheBaseModel(string method)
    {
        string[] rank = method == "p-tuning" ? [] : ["--rank", "8"];
        Invocation training = await Invocation.RunAsync(
            ["train", "--model", _fixture.Model, "--train", _fixture.Train, "--out", _fixture.PathOf("run"), "--steps", "8", "--learning-rate", "0.05", "--batch-size", "4", "--json", "--method", method, .. rank]);
        string answers = _fixture.PathOf("answers.jsonl"), bare = _fixture.PathOf("bare.jsonl");
        Invocation run = await EvalAsync("--run", _fixture.PathOf("run"), "--out", answers);
        await EvalAsync("--out", bare);

        Assert.Equal((ExitCode.Ok, ExitCode.Ok), (training.ExitCode, run.ExitCode));
        Assert.NotEqual(File.ReadAllText(bare), File.ReadAllText(answers));
    }

    [Fact]
    public async Task Eval_Demonstrations_ChangeThePrompt()
    {
        string plain = _fixture.PathOf("plain.jsonl"), demonstrated = _fixture.PathOf("demonstrated.jsonl");
        await EvalAsync("--out", plain);
        Invocation run = await EvalAsync("--out", demonstrated, "--demonstrations", "2", "--train", _fixture.Train);

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.NotEqual(File.ReadAllText(plain), File.ReadAllText(demonstrated));
    }

    [Fact]
    public async Task Eval_PromptsWithoutRoomForAnAnswer_AreRefusedOrLeftOut()
    {
        string mixed = _fixture.Write("mixed.jsonl", [TrainingFixture.Record(0), TrainingFixture.Record(1).Replace("kind", new string('k', 600), StringComparison.Ordinal)]);

        Invocation refused = await Invocation.RunAsync("eval", "--model", _fixture.Model, "--test", mixed, "--max-new-tokens", "4", "--json");
        Invocation skipped = await Invocation.RunAsync("eval", "--model", _fixture.Model, "--test", mixed, "--max-new-tokens", "4", "--json", "--skip-bad");

        Assert.Equal((ExitCode.Failed, ExitCode.Ok), (refused.ExitCode, skipped.ExitCode));
        Assert.Contains($"{mixed}:2: the prompt has ", refused.Error, StringComparison.Ordinal);
        Assert.Equal((1, 1), (skipped.Json.GetProperty("records").GetInt32(), skipped.Json.GetProperty("skipped_lines").GetInt32()));
    }

    [Fact]
    public async Task Eval_TaskThatTheAdapterHasNot_IsRefusedByName()
    {
        await _fixture.TrainAsync("run", "--task", "CHIP-CTC");

        Invocation run = await EvalAsync("--adapter", Path.Combine(_fixture.PathOf("run"), "adapter"));

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("The adapter has no task KUAKE-QIC; its tasks are CHIP-CTC.", run.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("give either --adapter or --run", "--adapter", "a", "--run", "b")]
    [InlineData("--mode is for --adapter", "--mode", "both")]
    [InlineData("--demonstrations and --train go together", "--demonstrations", "2")]
    [InlineData("--prompt-format is what the run was configured with", "--run", "b", "--prompt-format", "plain")]
    [InlineData("--task: 'X' is none of", "--task", "X")]
    public async Task Eval_OptionsThatDoNotGoTogether_AreRefused(string problem, params string[] options)
    {
        Invocation run = await EvalAsync(options);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(problem, run.Error, StringComparison.Ordinal);
    }

    private Task<Invocation> EvalAsync(params string[] more) =>
        Invocation.RunAsync(["eval", "--model", _fixture.Model, "--test", _fixture.Test, "--max-new-tokens", "4", "--threads", "1", "--json", .. more]);
}
