using MoeLora.Training.Records;
using MoeLora.Training.Scores;

namespace MoeLora.Training.Tests.Scores;

public sealed class AnswerParserTests
{
    [Theory]
    [InlineData("疾病实体：肺炎，感冒\n药物实体：", "疾病/肺炎", "疾病/感冒")]
    [InlineData("疾病实体:肺炎,感冒", "疾病/肺炎", "疾病/感冒")]
    [InlineData("症状实体：咳嗽")]
    [InlineData("疾病实体：肺炎，肺炎\n疾病实体：感冒", "疾病/肺炎", "疾病/肺炎", "疾病/感冒")]
    [InlineData("疾病实体", "疾病/疾病实体")]
    public void ParseItems_OfEntities(string answer, params string[] items) => AssertItems(items, "CMeEE-V2", answer, "疾病", "药物");

    [Theory]
    [InlineData("具有药物治疗关系的头尾实体对如下：头实体为肺炎，尾实体为头孢。头实体为感冒，尾实体为水。", "药物治疗/肺炎/头孢", "药物治疗/感冒/水")]
    [InlineData("具有药物治疗关系的头尾实体对如下：头实体为肺炎")]
    [InlineData("药物：头实体为肺炎，尾实体为头孢", "：头实体为肺炎，尾实体为头孢/药物：肺炎/头孢")]
    public void ParseItems_OfRelations(string answer, params string[] items) => AssertItems(items, "CMeIE", answer);

    [Theory]
    [InlineData("肺炎，感冒，肺炎", "肺炎", "感冒")]
    [InlineData("答案：\n感冒", "感冒")]
    [InlineData("流感")]
    public void ParseItems_OfStandardTerms(string answer, params string[] items) => AssertItems(items, "CHIP-CDN", answer, "肺炎", "感冒");

    [Theory]
    [InlineData("如下：\n主体词：咳嗽；发生状态：否定；描述词：轻度，间断；解剖部位：肺", "咳嗽/否定/轻度，间断/肺")]
    [InlineData("如下：\n解剖部位：肺", "///肺")]
    [InlineData("如下：\n不明", "///")]
    [InlineData("如下：\n主体词：描述词：轻度", "描述词：轻度//轻度/")]
    [InlineData("主体词：咳嗽")]
    public void ParseItems_OfEvents(string answer, params string[] items) => AssertItems(items, "CHIP-CDEE", answer);

    [Theory]
    [InlineData("CHIP-MDCFNPC", "如下：\n咳嗽：有\n发热：也许", "咳嗽/有", "发热/无实际意义的不标注或者和病人当前的状态独立不标注")]
    [InlineData("IMCS-V2-SR", "如下：\n咳嗽：有\n发热：也许", "咳嗽/有", "发热/无法根据上下文确定病人是否患有该症状")]
    [InlineData("IMCS-V2-SR", "如下：\n咳嗽：有：有\n发热")]
    public void ParseItems_OfFindings(string task, string answer, params string[] items) => AssertItems(items, task, answer, "有", "无");

    [Theory]
    [InlineData("CHIP-STS", " 相同\n", "是的")]
    [InlineData("CHIP-STS", "不同", "不是")]
    [InlineData("KUAKE-IR", "相同", "相同")]
    [InlineData("MedDG", "好,多久了", "好，多久了")]
    public void ParseText_OfLabelsAndSentences(string task, string answer, string text) => Assert.Equal(text, AnswerParser.ParseText(Record(task, answer)));

    [Fact]
    public void ParseText_PunctuationOfAscii_IsWidenedAHundredTimes() =>
        Assert.Equal(new string('，', 100) + ",,", AnswerParser.ParseText(Record("MedDG", new string(',', 102))));

    [Fact]
    public void ParseReport_HasTheSectionsThatAreThere()
    {
        IReadOnlyDictionary<string, string> report = AnswerParser.ParseReport(Record("IMCS-V2-MRG", "如下：\n主诉：咳嗽\n诊断：感冒\n诊断：肺炎\n其他：无"));

        Assert.Equal([("主诉", "咳嗽"), ("诊断", "肺炎")], report.Select(section => (section.Key, section.Value)));
    }

    private static void AssertItems(string[] items, string task, string answer, params string[] choices) =>
        Assert.Equal(items, AnswerParser.ParseItems(Record(task, answer, choices)).Select(item => item.Replace(AnswerParser.Separator, '/')));

    private static PromptRecord Record(string task, string answer, params string[] choices) => new()
    {
        Input = "?",
        Target = answer,
        AnswerChoices = choices,
        TaskType = "x",
        TaskDataset = task,
        SampleId = "1",
    };
}
