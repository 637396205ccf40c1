namespace MoeLora.Training.Records;

/// <summary>The ids of a file's records so far.</summary>
internal sealed class RecordIds(string path, bool allowsRepeats)
{
    private readonly Dictionary<(string Task, string Id), (int Line, UInt128 Content)> _first = [];

    /// <summary>Adds a record's id; false, with a problem, when another record has it.</summary>
    public bool Add(PromptRecord record, RecordProblems problems)
    {
        UInt128 content = allowsRepeats ? TextDigest.Of($"{record.Input}\0{record.Target}") : default;
        (string, string) key = (record.TaskDataset, record.SampleId);
        if (_first.TryAdd(key, (record.SourceLine, content)) || (allowsRepeats && _first[key].Content == content))
            return true;
        string message = $"\"sample_id\" {record.SampleId} of {record.TaskDataset} is also that of line {_first[key].Line}.";
        problems.Add(new RecordProblem(RecordProblemKind.DuplicateId, path, record.SourceLine, message));
        return false;
    }
}
