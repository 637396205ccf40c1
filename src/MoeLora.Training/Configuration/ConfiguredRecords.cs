using MoeLora.Models.Tokenizers;
using MoeLora.Training.Batches;
using MoeLora.Training.Records;
using MoeLora.Training.Samples;

namespace MoeLora.Training.Configuration;

/// <summary>Reads records as a configuration asks: bad and over-long ones are refused, left out or cut.</summary>
/// <param name="configuration">Without problems.</param>
/// <param name="leftOut">Gets what is wrong with the records that are left out.</param>
public sealed class ConfiguredRecords(TrainingConfiguration configuration, RecordProblems leftOut)
{
    /// <summary>The records of a file that belong to the configured tasks.</summary>
    /// <exception cref="RecordException">There are problems that may not be passed over, or no record is left; the message lists everything.</exception>
    public IReadOnlyList<PromptRecord> Read(string path, ITokenizer tokenizer)
    {
        var problems = new RecordProblems();
        var options = new RecordOptions
        {
            Limits = configuration.OverLong == OverLong.Cut ? null : new TokenLimits(tokenizer, configuration.MaxInputTokens, configuration.MaxTargetTokens),
        };
        PromptRecord[] read = [.. RecordFile.Read(path, options, problems)];
        PassOver(problems);
        PromptRecord[] records = [.. read.Where(record => configuration.Tasks is null || configuration.Tasks.Contains(record.TaskDataset))];
        return records.Length > 0 ? records : throw new RecordException($"{path} has no usable record{(configuration.Tasks is { } tasks ? $" of {string.Join(", ", tasks)}" : "")}.");
    }

    /// <summary>Records as samples.</summary>
    /// <exception cref="RecordException">As for <see cref="Read"/>.</exception>
    public IReadOnlyList<TrainingSample> Encode(IReadOnlyList<PromptRecord> records, SampleEncoder encoder, CancellationToken cancellation)
    {
        var problems = new RecordProblems();
        var samples = new List<TrainingSample>();
        foreach (PromptRecord record in records)
        {
            cancellation.ThrowIfCancellationRequested();
            if (encoder.Sample(record, problems) is { } sample)
                samples.Add(sample);
            else
                problems.AddBadLine();
        }
        PassOver(problems);
        return samples.Count > 0 ? samples : throw new RecordException($"{records[0].SourceFile} has no record that fits the model.");
    }

    private void PassOver(RecordProblems problems)
    {
        int passed = configuration.SkipBad ? problems.Count : configuration.OverLong == OverLong.Skip ? problems.Counts.GetValueOrDefault(RecordProblemKind.TooLong) : 0;
        if (passed < problems.Count)
            throw new RecordException($"{problems}\nMend the data, or leave bad records out with --skip-bad{(problems.Counts.ContainsKey(RecordProblemKind.TooLong) ? " and long ones with --over-long skip or cut" : "")}.");
        leftOut.Add(problems);
    }
}
