using MoeLora.Training.Records;
using MoeLora.Training.Segmentation;

namespace MoeLora.Training.Scores;

/// <summary>Scores answers as the authors of MOELoRA do. CHIP-CTC is scored by micro-F1 as in their code, though the paper names macro-F1; both are reported.</summary>
public static class Evaluation
{
    // The only label with a bracket of ASCII in the data; answers often have it with both brackets alike.
    private const string BracketsAlike = "(医生检测)";
    private const string BracketsAsInData = "(医生检测）";

    /// <summary>Scores predictions against the truth.</summary>
    /// <param name="truth">Records with the expected answers.</param>
    /// <param name="predictions">A record for each of the truth, in any order: the same task and <c>sample_id</c>, the answer as target.</param>
    /// <param name="segmenter">Cuts texts into words for ROUGE-L.</param>
    /// <exception cref="RecordException">There is nothing to score, or records are missing, extra or there twice; the message lists them.</exception>
    public static ScoreReport Score(IEnumerable<PromptRecord> truth, IEnumerable<PromptRecord> predictions, IWordSegmenter segmenter)
    {
        IReadOnlyList<ScoredPair> pairs = ScoredPair.Match([.. truth], [.. predictions]);
        var scores = new OrderedDictionary<string, TaskScore>();
        foreach (PromptTask task in PromptTasks.All)
        {
            ScoredPair[] ofTask = [.. pairs.Where(pair => pair.Expected.TaskDataset == task.Name)];
            if (ofTask.Length > 0)
                scores.Add(task.Name, ScoreTask(task.Name, [.. ofTask.Select(pair => pair.Expected)], [.. ofTask.Select(pair => pair.Answered)], segmenter));
        }

        return new ScoreReport(scores, scores.Values.Average(score => score.Score));
    }

    private static TaskScore ScoreTask(string task, PromptRecord[] expected, PromptRecord[] answered, IWordSegmenter segmenter) => task switch
    {
        "CHIP-STS" or "KUAKE-IR" or "KUAKE-QQR" or "KUAKE-QTR" => LabelScorer.Score(Texts(expected), Texts(answered), byMacro: false),
        "CHIP-CTC" => LabelScorer.Score(Texts(expected), [.. Texts(answered).Select(label => label.Replace(BracketsAlike, BracketsAsInData, StringComparison.Ordinal))], byMacro: false),
        "KUAKE-QIC" or "IMCS-V2-DAC" => LabelScorer.Score(Texts(expected), Texts(answered), byMacro: true),
        "MedDG" => new TextScorer(segmenter).ScoreSentences(Texts(expected), Texts(answered)),
        "IMCS-V2-MRG" => new TextScorer(segmenter).ScoreReports([.. expected.Select(AnswerParser.ParseReport)], [.. answered.Select(AnswerParser.ParseReport)]),
        _ => ItemScorer.Score([.. expected.Select(AnswerParser.ParseItems)], [.. answered.Select(AnswerParser.ParseItems)]),
    };

    private static string[] Texts(PromptRecord[] records) => [.. records.Select(AnswerParser.ParseText)];
}
