using System.Text;
using MoeLora.Training.Samples;
using MoeLora.Training.Records;

namespace MoeLora.Training.Methods;

/// <summary>In-context learning: answered training records of the same task stand before the prompt.</summary>
internal static class Demonstrations
{
    /// <summary>
    /// An encoder that puts demonstrations before each input: drawn once for each task, fewer where the model's positions do not hold all of them
    /// beside the prompt and its answer.
    /// </summary>
    public static SampleEncoder Encoder(MethodTuner tuner)
    {
        var random = new Random(tuner.Seed);
        Dictionary<string, PromptRecord[]> chosen = tuner.Data.Train
            .GroupBy(record => record.TaskDataset)
            .ToDictionary(
                group => group.Key,
                group =>
                {
                    PromptRecord[] records = [.. group];
                    random.Shuffle(records);
                    return records[..Math.Min(records.Length, tuner.Settings.Demonstrations)];
                });
        SampleEncoder plain = tuner.Encoder();
        int room = tuner.Network.Config.MaxPositions - tuner.Settings.MaxNewTokens;
        return tuner.Encoder(preface: record =>
        {
            PromptRecord[] demonstrations = chosen.GetValueOrDefault(record.TaskDataset, []);
            for (int count = demonstrations.Length; count > 0; count--)
            {
                string preface = Write(demonstrations[..count]);
                if (plain.Prompt(record with { Input = preface + record.Input }).Length <= room)
                    return preface;
            }
            return "";
        });
    }

    private static string Write(PromptRecord[] records)
    {
        var text = new StringBuilder();
        foreach (PromptRecord record in records)
            text.Append(record.Input).Append('\n').Append(record.Target).Append("\n\n");
        return text.ToString();
    }
}
