namespace MoeLora.Training.Records;

/// <summary>
/// Reads and writes PromptCBLUE's JSON lines: UTF-8, one object a line with <c>input</c>, <c>target</c>, <c>answer_choices</c>,
/// <c>task_type</c>, <c>task_dataset</c> and <c>sample_id</c>. Other fields are ignored, and so are lines of white space.
/// </summary>
public static class RecordFile
{
    /// <summary>Reads record by record in the order of the file. Lines with a problem give no record: the caller decides whether to go on without them.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">What is asked of the records.</param>
    /// <param name="problems">Gets everything that is wrong, complete once the last record was read.</param>
    /// <returns>A stream that holds one line at a time; of the records before, it keeps only the ids.</returns>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IEnumerable<PromptRecord> Read(string path, RecordOptions options, RecordProblems problems)
    {
        using FileStream stream = File.OpenRead(path);
        var lines = new RecordLineReader(stream);
        var parser = new RecordParser(path, options, problems);
        var ids = new RecordIds(path, options.AllowsRepeats);
        bool anything = false;
        while (lines.TryRead(out RecordLine line))
        {
            ReadOnlyMemory<byte> text = WithoutMark(path, line, problems);
            if (!line.IsTooLong && text.Span.Trim(" \t\r"u8).IsEmpty)
                continue;
            anything = true;
            PromptRecord? record = ReadLine(path, line, text, parser, problems);
            if (record is not null && !ids.Add(record, problems))
                record = null;
            if (record is not null)
                yield return record;
            else
                problems.AddBadLine();
        }

        if (!anything)
            problems.Add(new RecordProblem(RecordProblemKind.NoRecords, path, 0, "the file holds no record."));
    }

    /// <summary>Reads all records of a file that must be without problems.</summary>
    /// <exception cref="RecordException">Something is wrong; the message lists everything.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static IReadOnlyList<PromptRecord> ReadAll(string path, RecordOptions? options = null)
    {
        var problems = new RecordProblems();
        PromptRecord[] records = [.. Read(path, options ?? new RecordOptions(), problems)];
        problems.ThrowIfAny();
        return records;
    }

    /// <summary>Writes records, one a line. The file appears under its name when it is complete.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Write(string path, IEnumerable<PromptRecord> records)
    {
        using var writer = new RecordWriter(path);
        foreach (PromptRecord record in records)
            writer.Write(record);
        writer.Complete();
    }

    private static ReadOnlyMemory<byte> WithoutMark(string path, RecordLine line, RecordProblems problems)
    {
        if (!line.Bytes.Span.StartsWith(RecordEncoding.Mark))
            return line.Bytes;
        problems.Add(new RecordProblem(RecordProblemKind.ByteOrderMark, path, line.Number, $"a UTF-8 byte order mark at byte offset {line.Offset}: save the file as UTF-8 without it."));
        return line.Bytes[RecordEncoding.Mark.Length..];
    }

    private static PromptRecord? ReadLine(string path, RecordLine line, ReadOnlyMemory<byte> text, RecordParser parser, RecordProblems problems)
    {
        RecordProblem? problem = line.IsTooLong
            ? new RecordProblem(RecordProblemKind.TooLong, path, line.Number, $"the line has more than {RecordLineReader.MostBytes >> 20} MiB: every record must be on a line of its own.")
            : RecordEncoding.FindProblem(line) is { } wrong ? new RecordProblem(RecordProblemKind.Encoding, path, line.Number, wrong) : null;
        if (problem is null)
            return parser.Parse(text, line.Number);
        problems.Add(problem);
        return null;
    }
}
