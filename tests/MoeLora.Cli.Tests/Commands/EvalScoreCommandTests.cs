using System.Text.Json;

namespace MoeLora.Cli.Tests.Commands;

public sealed class EvalScoreCommandTests : IDisposable
{
    private static readonly string Folder = Packs.Model("promptcblue-synthetic");
    private static readonly string Truth = Path.Combine(Folder, "truth.jsonl");
    private static readonly string Predictions = Path.Combine(Folder, "predictions.jsonl");

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Score_Json_HasTheAuthorsScoreOfEveryTask()
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "expected_scores.json")));

        Invocation run = await Invocation.RunAsync("eval", "score", "--truth", Truth, "--predictions", Predictions, "--json");

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        JsonElement scores = run.Json.GetProperty("scores");
        foreach (JsonProperty task in expected.RootElement.GetProperty("scores").EnumerateObject())
        {
            // 1e-9 for what words do not matter for, else what the built-in segmenter promises.
            double tolerance = scores.GetProperty(task.Name).TryGetProperty("rouge_l", out _) ? 0.03 : 1e-9;
            Assert.Equal(task.Value.GetProperty("score").GetDouble(), scores.GetProperty(task.Name).GetProperty("score").GetDouble(), tolerance);
        }

        Assert.Equal(16, scores.EnumerateObject().Count());
        Assert.Equal(scores.EnumerateObject().Average(task => task.Value.GetProperty("score").GetDouble()), run.Json.GetProperty("average").GetDouble(), 1e-12);
        Assert.True(scores.GetProperty("CHIP-CTC").TryGetProperty("micro_f1", out _) && scores.GetProperty("CHIP-CTC").TryGetProperty("macro_f1", out _));
    }

    [Fact]
    public async Task Score_Text_IsATable()
    {
        Invocation run = await Invocation.RunAsync("eval", "score", "--truth", Truth, "--predictions", Predictions);

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("KUAKE-QIC", run.Out);
        Assert.Contains("| Average", run.Out);
    }

    [Fact]
    public async Task Score_WithADictionary_CutsByIt()
    {
        string dictionary = _directory.File("dict.txt");
        File.WriteAllText(dictionary, "支气管炎 3 n\n");

        double Score(Invocation run) => run.Json.GetProperty("scores").GetProperty("MedDG").GetProperty("score").GetDouble();
        Invocation builtIn = await Invocation.RunAsync("eval", "score", "--truth", Truth, "--predictions", Predictions, "--json");
        Invocation given = await Invocation.RunAsync("eval", "score", "--truth", Truth, "--predictions", Predictions, "--jieba", dictionary, "--json");

        Assert.NotEqual(Score(builtIn), Score(given));
    }

    [Fact]
    public async Task Score_MissingAndExtraIds_AreListed()
    {
        string predictions = _directory.File("predictions.jsonl");
        string[] lines = File.ReadAllLines(Predictions);
        File.WriteAllLines(predictions, [.. lines.Skip(1), lines[0].Replace("CMeEE-V2-0", "stranger")]);

        Invocation run = await Invocation.RunAsync("eval", "score", "--truth", Truth, "--predictions", predictions, "--json");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("missing from the predictions: CMeEE-V2-0 (CMeEE-V2).", run.Error);
        Assert.Contains("not in the truth: stranger (CMeEE-V2).", run.Error);
        Assert.Empty(run.Out);
    }

    [Fact]
    public async Task Score_RepeatedId_NamesItsLine()
    {
        string predictions = _directory.File("predictions.jsonl");
        File.WriteAllLines(predictions, [.. File.ReadLines(Predictions), File.ReadLines(Predictions).First()]);

        Invocation run = await Invocation.RunAsync("eval", "score", "--truth", Truth, "--predictions", predictions);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"{predictions}:129: \"sample_id\" CMeEE-V2-0 of CMeEE-V2 is also that of line 1.", run.Error);
    }

    [Fact]
    public async Task Score_BadDictionary_SaysWhere()
    {
        string dictionary = _directory.File("dict.txt");
        File.WriteAllText(dictionary, "肺炎\n");

        Invocation run = await Invocation.RunAsync("eval", "score", "--truth", Truth, "--predictions", Predictions, "--jieba", dictionary);

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"{dictionary}:1: not a word and its count", run.Error);
    }
}
