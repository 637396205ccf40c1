namespace MoeLora.Training.Records;

/// <summary>What is wrong with a line of a file of records.</summary>
public enum RecordProblemKind
{
    /// <summary>Bytes that are not UTF-8, or a whole file in another encoding.</summary>
    Encoding,

    /// <summary>A UTF-8 byte order mark. The line behind it is read all the same.</summary>
    ByteOrderMark,

    /// <summary>Not one JSON object.</summary>
    Json,

    /// <summary>A field is missing or has a wrong type.</summary>
    Field,

    /// <summary>The prompt is empty.</summary>
    EmptyInput,

    /// <summary>The answer is empty.</summary>
    EmptyTarget,

    /// <summary>The task is none of <see cref="PromptTasks.All"/>.</summary>
    UnknownTask,

    /// <summary>Another record of the same task has the same <c>sample_id</c>.</summary>
    DuplicateId,

    /// <summary>More tokens than the limits allow, or a line of more bytes than any record has.</summary>
    TooLong,

    /// <summary>The file holds no line with anything in it.</summary>
    NoRecords,
}

/// <summary>One thing that is wrong, and where. Quotes nothing of a prompt or an answer.</summary>
/// <param name="Kind">What is wrong.</param>
/// <param name="File">As the path was given.</param>
/// <param name="Line">From 1; 0 when it is the file as a whole.</param>
/// <param name="Message">What is wrong and how to mend it.</param>
public sealed record RecordProblem(RecordProblemKind Kind, string File, int Line, string Message)
{
    /// <summary><c>FILE:LINE: MESSAGE</c>.</summary>
    public override string ToString() => Line > 0 ? $"{File}:{Line}: {Message}" : $"{File}: {Message}";
}
