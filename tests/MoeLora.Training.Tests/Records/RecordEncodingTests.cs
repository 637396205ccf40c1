using System.Text;
using MoeLora.Training.Records;

namespace MoeLora.Training.Tests.Records;

public sealed class RecordEncodingTests
{
    // 宝宝咳嗽
    private static readonly byte[] Gbk = [0xB1, 0xA6, 0xB1, 0xA6, 0xBF, 0xC8, 0xCB, 0xD4];

    [Fact]
    public void Read_LineOfGbk_IsRecognisedWithItsOffset()
    {
        string good = RecordText.Line("a");
        RecordProblem problem = Assert.Single(RecordText.Problems(text => text.Add(good).Add("{\"input\": \"", end: "").Add(Gbk).Add("\"}").Add(RecordText.Line("b"))).First);

        Assert.Equal((RecordProblemKind.Encoding, 2), (problem.Kind, problem.Line));
        Assert.Contains($"byte 0xB1 at byte offset {Encoding.UTF8.GetByteCount(good) + 1 + 11} is not UTF-8; the line looks like GBK", problem.Message);
    }

    [Fact]
    public void Read_DamagedUtf8_IsNotTakenForGbk()
    {
        RecordProblem problem = Assert.Single(RecordText.Problems(text => text.Add("宝宝", end: "").Add(0xFF, (byte)'\n')).First);

        Assert.Contains("byte 0xFF at byte offset 6 is not UTF-8, nor is the line GBK", problem.Message);
    }

    [Theory]
    [InlineData(false, false, "\n")]
    [InlineData(true, false, "\n")]
    [InlineData(false, true, "\n")]
    [InlineData(true, true, "\n")]
    [InlineData(false, false, "")]
    [InlineData(true, false, "")]
    public void Read_LineOfUtf16BetweenOthers_IsOneProblem(bool bigEndian, bool mark, string end)
    {
        var encoding = new UnicodeEncoding(bigEndian, mark);
        RecordProblems problems = RecordText.Problems(text =>
        {
            text.Add(RecordText.Line("a")).Add(encoding.Preamble);
            // 上 is U+4E0A: one of its bytes is that of a line end.
            text.Add(RecordText.Line("b", input: "上上"), encoding, end);
            if (end.Length == 0)
                text.Add((byte)'\n'); // joined by a tool that does not know of the encoding
            text.Add(RecordText.Line("c"));
        });

        RecordProblem problem = Assert.Single(problems.First);
        Assert.Equal((RecordProblemKind.Encoding, 2), (problem.Kind, problem.Line));
        Assert.Contains(bigEndian ? "UTF-16BE" : "UTF-16LE", problem.Message);
    }

    [Fact]
    public void Read_FileOfUtf16_HasAProblemForEachLine()
    {
        RecordProblems problems = RecordText.Problems(text => text.Add(0xFF, 0xFE).Add(RecordText.Line("a"), Encoding.Unicode).Add(RecordText.Line("b"), Encoding.Unicode));

        Assert.Equal([1, 2], problems.First.Select(problem => problem.Line));
        Assert.All(problems.First, problem => Assert.Contains("UTF-16LE", problem.Message));
    }

    [Fact]
    public void Read_NulByte_IsNoText()
    {
        RecordProblem problem = Assert.Single(RecordText.Problems(text => text.Add((byte)' ', 0, 1)).First);

        Assert.Contains("a NUL byte at byte offset 1", problem.Message);
    }

    [Fact]
    public void Read_ByteOrderMark_IsAProblemButNoLostRecord()
    {
        using var text = new RecordText();
        var problems = new RecordProblems();

        Assert.Single(RecordFile.Read(text.Add(0xEF, 0xBB, 0xBF).Add(RecordText.Line()).Save(), new RecordOptions(), problems));

        Assert.Equal((RecordProblemKind.ByteOrderMark, 1), (Assert.Single(problems.First).Kind, problems.First[0].Line));
        Assert.Equal(0, problems.BadLines);
    }
}
