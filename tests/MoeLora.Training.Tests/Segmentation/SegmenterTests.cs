using System.Text;
using MoeLora.Training.Records;
using MoeLora.Training.Segmentation;
using MoeLora.Training.Tests.Scores;

namespace MoeLora.Training.Tests.Segmentation;

public sealed class SegmenterTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData("宝宝咳嗽，有痰吗？", "宝宝|咳嗽|，|有痰|吗|？")]
    [InlineData("体温38.5，CRP 12%。", "体温|38.5|，|CRP| |12%|。")]
    [InlineData("口服阿莫西林3天", "口服|阿莫西林|3|天")]
    [InlineData("", "")]
    public void BuiltIn_Cut_FindsWordsNumbersAndPunctuation(string text, string words) =>
        Assert.Equal(words, string.Join('|', new BuiltInSegmenter().Cut(text)));

    [Fact]
    public void BuiltIn_Cut_PutTogetherIsTheText()
    {
        var segmenter = new BuiltInSegmenter();
        foreach (PromptRecord record in PromptCblueData.ReadTruth())
            Assert.Equal(record.Input, string.Concat(segmenter.Cut(record.Input)));
        Assert.Equal("a\r\n\t😀龘+-..%x", string.Concat(segmenter.Cut("a\r\n\t😀龘+-..%x")));
    }

    [Fact]
    public void Jieba_Cut_TakesTheMostProbableWords()
    {
        // 研究|生命 is more probable than 研究生|命: 100·100 against 50·10 of a total of 1000.
        File.WriteAllText(_path, "研究 100 v\n研究生 50 n\n生命 100 n\n命 10 n\n的 740 uj\n");

        Assert.Equal(["研究", "生命", "的"], new JiebaDictionarySegmenter(_path).Cut("研究生命的"));
    }

    [Fact]
    public void Jieba_Cut_UnknownCharacters_StaySingle()
    {
        File.WriteAllText(_path, "咳嗽 5 v\n");

        Assert.Equal(["张", "三", "咳嗽", "2", "天", "B2", "。"], new JiebaDictionarySegmenter(_path).Cut("张三咳嗽2天B2。"));
    }

    [Fact]
    public void Jieba_BadLines_AreAllNamed()
    {
        File.WriteAllText(_path, "咳嗽 5 v\n咳嗽\n\n发热 many\n");

        string message = Assert.Throws<SegmentationException>(() => new JiebaDictionarySegmenter(_path)).Message;

        Assert.Equal([2, 3, 4], message.Split('\n').Select(line => int.Parse(line[(_path.Length + 1)..].Split(':')[0])));
    }

    [Fact]
    public void Jieba_OtherEncoding_SaysSo()
    {
        File.WriteAllBytes(_path, [0xB1, 0xA6, (byte)' ', (byte)'5', (byte)'\n']);

        Assert.Contains("not UTF-8", Assert.Throws<SegmentationException>(() => new JiebaDictionarySegmenter(_path)).Message);
    }

    [Fact]
    public void Jieba_EmptyFile_SaysSo()
    {
        File.WriteAllText(_path, "", Encoding.ASCII);

        Assert.Contains("is empty", Assert.Throws<SegmentationException>(() => new JiebaDictionarySegmenter(_path)).Message);
    }
}
