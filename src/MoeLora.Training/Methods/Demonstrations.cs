using System.Text;
using MoeLora.Training.Records;
using MoeLora.Training.Samples;

namespace MoeLora.Training.Methods;

/// <summary>In-context learning: answered training records of the same task stand before the prompt, drawn once for each task.</summary>
public sealed class Demonstrations
{
    private readonly Dictionary<string, PromptRecord[]> _chosen;

    /// <summary>Draws.</summary>
    /// <param name="train">To draw from.</param>
    /// <param name="count">For each task, or all where it has fewer.</param>
    /// <param name="seed">Of the draws.</param>
    public Demonstrations(IEnumerable<PromptRecord> train, int count, int seed)
    {
        var random = new Random(seed);
        _chosen = train.GroupBy(record => record.TaskDataset).ToDictionary(
            group => group.Key,
            group =>
            {
                PromptRecord[] records = [.. group];
                random.Shuffle(records);
                return records[..Math.Min(records.Length, count)];
            });
    }

    /// <summary>What stands before a record's input: fewer demonstrations where not all fit.</summary>
    /// <param name="record">To be answered.</param>
    /// <param name="fits">Whether an input, demonstrations before it, leaves room for the answer.</param>
    public string Before(PromptRecord record, Func<string, bool> fits)
    {
        PromptRecord[] demonstrations = _chosen.GetValueOrDefault(record.TaskDataset, []);
        for (int count = demonstrations.Length; count > 0; count--)
        {
            string preface = Write(demonstrations[..count]);
            if (fits(preface + record.Input))
                return preface;
        }
        return "";
    }

    /// <summary>An encoder that puts demonstrations before each input.</summary>
    internal static SampleEncoder Encoder(MethodTuner tuner)
    {
        var demonstrations = new Demonstrations(tuner.Data.Train, tuner.Settings.Demonstrations, tuner.Seed);
        SampleEncoder uncut = tuner.UncutEncoder(); // a cut would take away the input's end
        int room = Math.Min(tuner.Network.Config.MaxPositions - tuner.Settings.MaxNewTokens, tuner.Settings.CutInputTokens ?? int.MaxValue);
        return tuner.Encoder(preface: record => demonstrations.Before(record, input => uncut.Prompt(record with { Input = input }).Length <= room));
    }

    private static string Write(PromptRecord[] records)
    {
        var text = new StringBuilder();
        foreach (PromptRecord record in records)
            text.Append(record.Input).Append('\n').Append(record.Target).Append("\n\n");
        return text.ToString();
    }
}
