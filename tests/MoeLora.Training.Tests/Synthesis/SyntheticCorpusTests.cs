using MoeLora.Training.Records;
using MoeLora.Training.Synthesis;
using MoeLora.Training.Synthesis.Corpora;

namespace MoeLora.Training.Tests.Synthesis;

public sealed class SyntheticCorpusTests
{
    private static readonly SynthesisOptions Options = new() { EnglishShare = 0.2, Size = 300 };

    [Fact]
    public void Generate_MoreTexts_BeginsWithTheSame() =>
        Assert.Equal(SyntheticCorpus.Generate(Options, 100), SyntheticCorpus.Generate(Options, 300).Take(100));

    [Fact]
    public void Generate_ManyTexts_HoldEveryWordOfTheVocabulary()
    {
        string all = string.Join('\n', SyntheticCorpus.Generate(Options, 4000));
        Assert.All(MedicalVocabulary.Whole.Terms, term =>
        {
            Assert.Contains(term.Chinese, all, StringComparison.Ordinal);
            Assert.Contains(term.SaidChinese, all, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void Generate_AnyText_HoldsNoInputWithItsTasksAnswer()
    {
        // Answers of one label are words of the corpus; those of several lines are nobody's but the task's.
        PromptRecord[] records = [.. SyntheticData.Generate(Options).Train.Where(record => record.Target.Contains('\n'))];
        Assert.NotEmpty(records);
        string[] texts = [.. SyntheticCorpus.Generate(Options, 3000)];
        Assert.DoesNotContain(records, record => texts.Any(text => text.Contains(record.Target, StringComparison.Ordinal) && text.Contains(record.Input, StringComparison.Ordinal)));
    }

    [Fact]
    public void File_Written_ReadsTheSameTexts()
    {
        string path = Path.GetTempFileName();
        try
        {
            string[] texts = ["咳嗽\n\"3天\"", "\t🩺 "];
            CorpusFile.Write(path, texts);
            Assert.Equal(texts.Select((text, i) => (i + 1, text)), CorpusFile.Read(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("{\"text\": 3}")]
    [InlineData("{\"text\": \"\"}")]
    [InlineData("[]")]
    [InlineData("text")]
    public void File_BadLine_NamesFileAndLine(string bad)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(path, ["{\"text\": \"a\"}", "", bad]);
            Assert.StartsWith($"{path}:3: ", Assert.Throws<RecordException>(() => CorpusFile.Read(path).Count()).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
