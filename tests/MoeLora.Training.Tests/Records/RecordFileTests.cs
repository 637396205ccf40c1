using MoeLora.Models.Tokenizers;
using MoeLora.Training.Records;
using MoeLora.Training.Tests.Scores;

namespace MoeLora.Training.Tests.Records;

public sealed class RecordFileTests
{
    [Fact]
    public void Read_GoodLine_HasEveryFieldAndItsPlace()
    {
        using var text = new RecordText();
        string path = text.Add("\n" + RecordText.Line("r-7", task: "KUAKE-QIC", choices: """["a", "b"]"""), end: "").Save();

        PromptRecord record = Assert.Single(RecordFile.ReadAll(path));

        Assert.Equal(("宝宝咳嗽怎么办", "多喝水", "x", "KUAKE-QIC", "r-7"), (record.Input, record.Target, record.TaskType, record.TaskDataset, record.SampleId));
        Assert.Equal(["a", "b"], record.AnswerChoices!);
        Assert.Equal((path, 2), (record.SourceFile, record.SourceLine));
    }

    [Fact]
    public void Read_UnknownFields_AreIgnored()
    {
        using var text = new RecordText();
        Assert.Single(RecordFile.ReadAll(text.Add(RecordText.Line()[..^1] + """, "source": {"a": 1}}""").Save()));
    }

    [Theory]
    [InlineData("{\"input\": ", RecordProblemKind.Json, "not one JSON object on one line")]
    [InlineData("[1]", RecordProblemKind.Json, "a list instead of an object")]
    [InlineData("{\"input\": \"a\", \"input\": \"b\"}", RecordProblemKind.Json, "input")]
    [InlineData("{\"input\": \"\\ud800\"}", RecordProblemKind.Json, "half of a surrogate pair")]
    public void Read_NoRecord_SaysWhy(string line, RecordProblemKind kind, string message)
    {
        RecordProblem problem = Assert.Single(Problems(text => text.Add(RecordText.Line("a")).Add(line).Add(RecordText.Line("b"))).First);

        Assert.Equal((kind, 2), (problem.Kind, problem.Line));
        Assert.Contains(message, problem.Message);
    }

    [Theory]
    [InlineData("\"input\": \"宝宝咳嗽怎么办\"", "\"input\": \" \"", RecordProblemKind.EmptyInput, "\"input\" is empty")]
    [InlineData("\"input\": \"宝宝咳嗽怎么办\"", "\"input\": 5", RecordProblemKind.Field, "\"input\" is a number")]
    [InlineData("\"input\"", "\"prompt\"", RecordProblemKind.Field, "\"input\" is missing")]
    [InlineData("\"多喝水\"", "\"\"", RecordProblemKind.EmptyTarget, "\"target\" is empty")]
    [InlineData("\"多喝水\"", "null", RecordProblemKind.EmptyTarget, "\"target\" is null")]
    [InlineData("MedDG", "MedDD", RecordProblemKind.UnknownTask, "'MedDD', which is none of CMeEE-V2, CMeIE, CHIP-CDN")]
    [InlineData("MedDG", "CMeEE-V2", RecordProblemKind.Field, "\"answer_choices\" is empty")]
    [InlineData("null", "[1]", RecordProblemKind.Field, "\"answer_choices\" holds something else")]
    [InlineData("null", "\"a\"", RecordProblemKind.Field, "\"answer_choices\" is a string")]
    [InlineData(", \"answer_choices\": null", "", RecordProblemKind.Field, "\"answer_choices\" is missing")]
    [InlineData("\"r-1\"", "\"\"", RecordProblemKind.Field, "\"sample_id\" is empty")]
    public void Read_BadField_IsNamed(string good, string bad, RecordProblemKind kind, string message)
    {
        RecordProblem problem = Assert.Single(Problems(text => text.Add(RecordText.Line().Replace(good, bad))).First);

        Assert.Equal((kind, 1), (problem.Kind, problem.Line));
        Assert.Contains(message, problem.Message);
    }

    [Fact]
    public void Read_SeveralProblemsOnALine_AreAllReported()
    {
        RecordProblems problems = Problems(text => text.Add("""{"input": "", "target": "", "answer_choices": null, "task_type": 1, "task_dataset": "?", "sample_id": "1"}"""));

        Assert.Equal(4, problems.Count);
        Assert.Equal(1, problems.BadLines);
    }

    [Fact]
    public void Read_EmptyTargetInATestSet_IsAllowed()
    {
        using var text = new RecordText();
        Assert.Single(RecordFile.ReadAll(text.Add(RecordText.Line(target: "")).Save(), new RecordOptions { RequiresTargets = false }));
    }

    [Fact]
    public void Read_RepeatedId_NamesTheFirstLine()
    {
        RecordProblem problem = Assert.Single(Problems(text => text.Add(RecordText.Line("a")).Add(RecordText.Line("b")).Add(RecordText.Line("a"))).First);

        Assert.Equal((RecordProblemKind.DuplicateId, 3), (problem.Kind, problem.Line));
        Assert.Contains("\"sample_id\" a of MedDG is also that of line 1", problem.Message);
    }

    [Fact]
    public void Read_SameIdInAnotherTask_IsAnotherRecord()
    {
        using var text = new RecordText();
        Assert.Equal(2, RecordFile.ReadAll(text.Add(RecordText.Line("a")).Add(RecordText.Line("a", task: "KUAKE-QIC")).Save()).Count);
    }

    [Fact]
    public void Read_RepeatsAllowed_StillRefusesAnotherRecordWithTheId()
    {
        RecordProblems problems = Problems(
            text => text.Add(RecordText.Line("a")).Add(RecordText.Line("a")).Add(RecordText.Line("a", target: "别的")),
            new RecordOptions { AllowsRepeats = true });

        Assert.Equal(3, Assert.Single(problems.First).Line);
    }

    [Fact]
    public void Read_WindowsLineEnds_AreFine()
    {
        using var text = new RecordText();
        Assert.Equal(2, RecordFile.ReadAll(text.Add(RecordText.Line("a"), end: "\r\n").Add(RecordText.Line("b"), end: "\r\n").Save()).Count);
    }

    [Fact]
    public void Read_EmptyFile_IsAProblem() =>
        Assert.Equal(RecordProblemKind.NoRecords, Assert.Single(Problems(text => text.Add("\n \n")).First).Kind);

    [Fact]
    public void Read_EndlessLine_IsPassedOver()
    {
        // Longer than the reader's limit of 16 MiB.
        var endless = new byte[20 << 20];
        Array.Fill(endless, (byte)' ');
        RecordProblems problems = Problems(text => text.Add(endless).Add("\n"u8).Add(RecordText.Line("a")).Add("[]"));

        Assert.Equal([(RecordProblemKind.TooLong, 1), (RecordProblemKind.Json, 3)], problems.First.Select(problem => (problem.Kind, problem.Line)));
    }

    [Fact]
    public void Read_ManyProblems_AreCountedBeyondTheFirst()
    {
        RecordProblems problems = Problems(text =>
        {
            for (int i = 0; i < 50; i++)
                text.Add("{");
        });

        Assert.Equal((50, RecordProblems.MostInWords), (problems.Count, problems.First.Count));
        Assert.EndsWith("… and 10 more: 50 json in all.", problems.ToString());
    }

    [Theory]
    [InlineData(7, 3, null)]
    [InlineData(6, 3, "\"input\" has 7 tokens, more than 6.")]
    [InlineData(7, 2, "\"target\" has 3 tokens, more than 2.")]
    public void Read_OverlongSample_IsAProblem(int mostInput, int mostTarget, string? message)
    {
        RecordProblems problems = Problems(text => text.Add(RecordText.Line()), new RecordOptions { Limits = new TokenLimits(new Characters(), mostInput, mostTarget) });

        Assert.Equal(message, problems.First.SingleOrDefault()?.Message);
    }

    [Fact]
    public void ReadAll_Problems_ThrowsThemAll()
    {
        using var text = new RecordText();
        string path = text.Add("{").Add("[]").Save();

        string message = Assert.Throws<RecordException>(() => RecordFile.ReadAll(path)).Message;

        Assert.Contains($"{path}:1: ", message);
        Assert.Contains($"{path}:2: ", message);
    }

    [Fact]
    public void Write_ThenRead_GivesTheSameRecords()
    {
        using var text = new RecordText();
        IReadOnlyList<PromptRecord> records = [.. PromptCblueData.ReadTruth(), PromptCblueData.ReadTruth()[0] with { Input = "a\"\\\u2028😀", SampleId = "odd" }];

        RecordFile.Write(text.Path, records);

        Assert.Equal(records.Select(Describe), RecordFile.ReadAll(text.Path).Select(Describe));
        Assert.Contains("支气管炎", File.ReadAllText(text.Path)); // readable, not escaped
        Assert.False(File.Exists(text.Path + ".unfinished"));
    }

    private static string Describe(PromptRecord record) =>
        $"{record.Input}|{record.Target}|{string.Join(',', record.AnswerChoices ?? ["null"])}|{record.TaskType}|{record.TaskDataset}|{record.SampleId}";

    private static RecordProblems Problems(Action<RecordText> write, RecordOptions? options = null) => RecordText.Problems(write, options);

    /// <summary>A token for each character.</summary>
    private sealed class Characters : ITokenizer
    {
        public int VocabularySize => char.MaxValue;

        public IReadOnlyList<int> Encode(string text, bool addSpecialTokens = true) => [.. text.Select(c => (int)c), .. addSpecialTokens ? [0] : Array.Empty<int>()];

        public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens = true) => throw new NotSupportedException();

        public ReadOnlySpan<byte> TokenBytes(int id) => throw new NotSupportedException();

        public ITokenStream StartStream(bool skipSpecialTokens = true) => throw new NotSupportedException();
    }
}
