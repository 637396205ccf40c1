using System.Text;
using MoeLora.Training.Records;

namespace MoeLora.Training.Scores;

/// <summary>
/// Takes answers apart as PromptCBLUE's published post-processing does, in the version that the MOELoRA authors score with, including
/// what it does with answers of a wrong form. A parsed item is a string whose parts are joined by <see cref="Separator"/>.
/// </summary>
internal static class AnswerParser
{
    /// <summary>Between the parts of an item; in no answer.</summary>
    public const char Separator = '\u001F';

    // The authors replace only so many of each, counted from the beginning.
    private const int MostReplacements = 100;

    private static readonly string[] EventFields = ["主体词", "发生状态", "描述词", "解剖部位"];
    private static readonly string[] ListFields = ["描述词", "解剖部位"];
    private static readonly string[] ReportSections = ["主诉", "现病史", "辅助检查", "既往史", "诊断", "建议"];

    /// <summary>An answer in one piece: a label or a sentence.</summary>
    public static string ParseText(PromptRecord record)
    {
        string answer = Normalize(record.Target).Trim();
        return record.TaskDataset != "CHIP-STS" ? answer : answer switch
        {
            "相同" => "是的",
            "不同" => "不是",
            _ => answer,
        };
    }

    /// <summary>The items of an answer of extraction, in order and with repetitions.</summary>
    /// <exception cref="ArgumentException">The task is none of extraction.</exception>
    public static IReadOnlyList<string> ParseItems(PromptRecord record)
    {
        string answer = Normalize(record.Target);
        IReadOnlyList<string> choices = record.AnswerChoices ?? [];
        return record.TaskDataset switch
        {
            "CMeEE-V2" or "IMCS-V2-NER" => [.. Entities(answer, choices)],
            "CMeIE" => [.. Relations(answer)],
            "CHIP-CDN" => [.. Parts(answer.Split('\n')[^1]).Where(choices.Contains).Distinct()],
            "CHIP-CDEE" => [.. answer.Split('\n').Skip(1).Select(Event)],
            "CHIP-MDCFNPC" => [.. Findings(answer, choices, "无实际意义的不标注或者和病人当前的状态独立不标注")],
            "IMCS-V2-SR" => [.. Findings(answer, choices, "无法根据上下文确定病人是否患有该症状")],
            _ => throw new ArgumentException($"{record.TaskDataset} has no items.", nameof(record)),
        };
    }

    /// <summary>The sections of a medical report that an answer has, by name; a section given twice has its last text.</summary>
    public static IReadOnlyDictionary<string, string> ParseReport(PromptRecord record)
    {
        string[] lines = [.. Normalize(record.Target).Trim().Split('\n').Skip(1)];
        var sections = new Dictionary<string, string>();
        foreach (string section in ReportSections)
        {
            string key = section + "：";
            if (lines.LastOrDefault(line => line.StartsWith(key, StringComparison.Ordinal)) is { } line)
                sections[section] = line.Trim().Split(key)[^1].Trim();
        }

        return sections;
    }

    private static string Normalize(string answer) => Widen(Widen(Widen(answer, ':', '：'), ',', '，'), ';', '；');

    private static string Widen(string text, char narrow, char wide)
    {
        var widened = new StringBuilder(text);
        int at = -1;
        for (int i = 0; i < MostReplacements && (at = text.IndexOf(narrow, at + 1)) >= 0; i++)
            widened[at] = wide;
        return widened.ToString();
    }

    private static IEnumerable<string> Parts(string list) => list.Split('，').Select(part => part.Trim()).Where(part => part.Length > 0);

    private static string Join(params ReadOnlySpan<string> parts) => string.Join(Separator, parts);

    private static IEnumerable<string> Entities(string answer, IReadOnlyList<string> choices) =>
        from choice in choices
        from line in answer.Split('\n')
        where line.StartsWith($"{choice}实体", StringComparison.Ordinal)
        from entity in Parts(line.Replace($"{choice}实体：", "", StringComparison.Ordinal))
        select Join(choice, entity);

    // 具有[relation]关系的头尾实体对如下：头实体为[head]，尾实体为[tail]。头实体为…
    private static IEnumerable<string> Relations(string answer)
    {
        foreach (string line in answer.Split('\n'))
        {
            string relation = AfterTwoCharacters(line.Split("关系的头尾实体对")[0]).Trim();
            string pairs = line.Replace($"具有{relation}关系的头尾实体对如下：", "", StringComparison.Ordinal);
            foreach (string pair in pairs.Split('。'))
            {
                if (pair.Split("，尾实体为") is [var head, var tail, ..])
                    yield return Join(relation, WithoutWord(head, "头实体为"), WithoutWord(tail, "尾实体为"));
            }
        }
    }

    private static string AfterTwoCharacters(string text) => text[text.EnumerateRunes().Take(2).Sum(rune => rune.Utf16SequenceLength)..];

    private static string WithoutWord(string text, string word) => text.Replace(word, "", StringComparison.Ordinal).Trim();

    // 主体词：[text]；发生状态：[text]；描述词：[text]，[text]；解剖部位：[text]，[text]
    private static string Event(string line)
    {
        string[] values = ["", "", "", ""];
        foreach (string attribute in line.Split('；'))
        {
            string rest = attribute;
            for (int i = 0; i < EventFields.Length; i++)
            {
                // What is left behind one field's name may begin with the next one's, and is then its value too.
                if (!rest.StartsWith(EventFields[i] + "：", StringComparison.Ordinal))
                    continue;
                rest = WithoutWord(rest, EventFields[i] + "：");
                values[i] = ListFields.Contains(EventFields[i]) ? string.Join('，', Parts(rest)) : rest;
            }
        }

        return Join(values);
    }

    private static IEnumerable<string> Findings(string answer, IReadOnlyList<string> choices, string otherwise)
    {
        foreach (string line in answer.Split('\n').Skip(1))
        {
            if (line.Split('：') is [var finding, var conclusion])
                yield return Join(finding.Trim(), choices.Contains(conclusion) ? conclusion : otherwise);
        }
    }
}
