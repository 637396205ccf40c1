using System.Text.Json;
using MoeLora.Training.Records;

namespace MoeLora.Training.Tests.Scores;

/// <summary>tests/data/promptcblue-synthetic: records, answers, and what the authors' evaluation gives them.</summary>
internal static class PromptCblueData
{
    private static readonly string Folder = Find();

    public static string Truth => Path.Combine(Folder, "truth.jsonl");

    public static string Predictions => Path.Combine(Folder, "predictions.jsonl");

    public static string Segmentation => Path.Combine(Folder, "jieba_segmentation.json");

    /// <summary>Expected values by task.</summary>
    public static JsonElement Expected { get; } = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "expected_scores.json"))).RootElement.GetProperty("scores");

    public static IReadOnlyList<PromptRecord> ReadTruth() => RecordFile.ReadAll(Truth);

    public static IReadOnlyList<PromptRecord> ReadPredictions() => RecordFile.ReadAll(Predictions, new RecordOptions { RequiresTargets = false });

    private static string Find()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "MoeLora.Grid.sln")))
            directory = directory.Parent;
        return Path.Combine(directory?.FullName ?? throw new InvalidOperationException("MoeLora.Grid.sln is in no parent directory."), "tests", "data", "promptcblue-synthetic");
    }
}
