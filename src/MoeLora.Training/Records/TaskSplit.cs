namespace MoeLora.Training.Records;

/// <summary>How the records of one task are split.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Given">Records that were to be split.</param>
/// <param name="InTest">Of these left out, because the test set has the same prompt.</param>
/// <param name="Repeated">Of these left out, because one before has the same prompt and answer.</param>
/// <param name="Train">What remains to train on.</param>
/// <param name="Dev">What was drawn to validate with: as many as the test set has.</param>
/// <param name="Test">Records of the test set.</param>
public sealed record TaskSplit(string Task, int Given, int InTest, int Repeated, int Train, int Dev, int Test);
