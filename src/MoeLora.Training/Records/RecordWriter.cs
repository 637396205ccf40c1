using System.Text.Encodings.Web;
using System.Text.Json;

namespace MoeLora.Training.Records;

/// <summary>Writes a file of records, one a line, which appears under its name when it is complete.</summary>
internal sealed class RecordWriter : IDisposable
{
    private static readonly JsonWriterOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _path;
    private readonly FileStream _stream;
    private readonly Utf8JsonWriter _writer;

    /// <summary>Begins a file.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public RecordWriter(string path)
    {
        _path = path;
        _stream = File.Create(UnfinishedPath);
        _writer = new Utf8JsonWriter(_stream, Readable);
    }

    private string UnfinishedPath => _path + ".unfinished";

    /// <summary>Adds a line.</summary>
    public void Write(PromptRecord record)
    {
        _writer.WriteStartObject();
        _writer.WriteString("input", record.Input);
        _writer.WriteString("target", record.Target);
        if (record.AnswerChoices is { } choices)
        {
            _writer.WriteStartArray("answer_choices");
            foreach (string choice in choices)
                _writer.WriteStringValue(choice);
            _writer.WriteEndArray();
        }
        else
        {
            _writer.WriteNull("answer_choices");
        }

        _writer.WriteString("task_type", record.TaskType);
        _writer.WriteString("task_dataset", record.TaskDataset);
        _writer.WriteString("sample_id", record.SampleId);
        _writer.WriteEndObject();
        _writer.Flush();
        _stream.WriteByte((byte)'\n');
        _writer.Reset();
    }

    /// <summary>Gives the file its name, over one that has it.</summary>
    public void Complete()
    {
        Dispose();
        File.Move(UnfinishedPath, _path, overwrite: true);
    }

    /// <summary>Closes the file. One that is not complete keeps the name <c>PATH.unfinished</c>.</summary>
    public void Dispose()
    {
        _writer.Dispose();
        _stream.Dispose();
    }
}
