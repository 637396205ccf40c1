using System.Text;
using MoeLora.Training.Records;

namespace MoeLora.Training.Tests.Records;

/// <summary>A file of records in the making, gone with the test.</summary>
internal sealed class RecordText : IDisposable
{
    private readonly MemoryStream _bytes = new();

    public string Path { get; } = System.IO.Path.GetTempFileName();

    /// <summary>A good line.</summary>
    public static string Line(string id = "r-1", string input = "宝宝咳嗽怎么办", string target = "多喝水", string task = "MedDG", string choices = "null") =>
        $$"""{"input": "{{input}}", "target": "{{target}}", "answer_choices": {{choices}}, "task_type": "x", "task_dataset": "{{task}}", "sample_id": "{{id}}"}""";

    public RecordText Add(string line, Encoding? encoding = null, string end = "\n") => Add((encoding ?? new UTF8Encoding()).GetBytes(line + end));

    public RecordText Add(params ReadOnlySpan<byte> bytes)
    {
        _bytes.Write(bytes);
        return this;
    }

    /// <summary>Writes the file.</summary>
    public string Save()
    {
        File.WriteAllBytes(Path, _bytes.ToArray());
        return Path;
    }

    /// <summary>What reading finds wrong with the lines that are added.</summary>
    public static RecordProblems Problems(Action<RecordText> write, RecordOptions? options = null)
    {
        using var text = new RecordText();
        write(text);
        var problems = new RecordProblems();
        Assert.All(RecordFile.Read(text.Save(), options ?? new RecordOptions(), problems), Assert.NotNull);
        return problems;
    }

    public void Dispose() => File.Delete(Path);
}
