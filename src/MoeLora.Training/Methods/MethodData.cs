using MoeLora.Training.Records;
using MoeLora.Training.Samples;

namespace MoeLora.Training.Methods;

/// <summary>The records that methods learn from and are measured on.</summary>
/// <param name="Tasks">All tasks.</param>
/// <param name="Train">To learn from.</param>
/// <param name="Validation">For early stopping and for what methods choose.</param>
/// <param name="Test">To be answered.</param>
public sealed record MethodData(TaskSet Tasks, IReadOnlyList<PromptRecord> Train, IReadOnlyList<PromptRecord> Validation, IReadOnlyList<PromptRecord> Test)
{
    /// <summary>Everything that keeps methods from using these records: tasks that a set lacks, unknown tasks, and records that the model has no room for.</summary>
    /// <param name="encoder">Of the model, as the plainest method uses it.</param>
    /// <param name="maxNewTokens">That answers may have.</param>
    public RecordProblems FindProblems(SampleEncoder encoder, int maxNewTokens)
    {
        var problems = new RecordProblems();
        foreach ((string set, IReadOnlyList<PromptRecord> records) in new[] { ("The training set", Train), ("The validation set", Validation), ("The test set", Test) })
        {
            string file = records.Count > 0 ? records[0].SourceFile ?? set : set;
            foreach (string task in Tasks.Names.Except(records.Select(record => record.TaskDataset)))
                problems.Add(new RecordProblem(RecordProblemKind.NoRecords, file, 0, $"there is no record of {task}: methods learn, choose and are measured by every task."));
        }
        foreach (PromptRecord record in Train.Concat(Validation))
            encoder.Sample(record, problems);
        foreach (PromptRecord record in Test)
            encoder.CheckQuestion(record, maxNewTokens, problems);
        return problems;
    }
}

/// <summary>What a method made of one seed.</summary>
public sealed record MethodResult
{
    /// <summary>The answers to the test records, in PromptCBLUE's form and their order.</summary>
    public required IReadOnlyList<PromptRecord> Predictions { get; init; }

    /// <summary>Parameters that were trained, of all adapters together.</summary>
    public required long TrainableParameters { get; init; }

    /// <summary>Optimizer steps, of all adapters together.</summary>
    public required long Steps { get; init; }

    /// <summary>Rows that went through the model in training.</summary>
    public required long Tokens { get; init; }

    /// <summary>Time spent on training and on choosing, without measuring.</summary>
    public required TimeSpan TrainingTime { get; init; }

    /// <summary>The validation loss of the parameters that were used, where the run validated.</summary>
    public double? ValidationLoss { get; init; }

    /// <summary>Milliseconds for each token of an answer, one answer at a time, with the adapter beside the weights.</summary>
    public required double MillisecondsPerToken { get; init; }

    /// <summary>ω by task and expert, for methods with one gate; otherwise null.</summary>
    public IReadOnlyList<IReadOnlyList<float>>? ExpertWeights { get; init; }
}
