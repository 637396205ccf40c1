using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MoeLora.Training.Reports.Curves;

/// <summary>
/// What a training run measures, as JSON lines: one <see cref="MetricEvent"/> a line, members in snake case, numbers such that reading them gives the
/// same bits. A line reaches the system whole before <see cref="Append"/> returns, so a killed run loses at most the line it was writing.
/// </summary>
public sealed class MetricsFile : IDisposable
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // a loss may be NaN, and the file must say so
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    private readonly FileStream _stream;

    private MetricsFile(string path, FileMode mode, double secondsBefore = 0)
    {
        _stream = new FileStream(path, mode, FileAccess.Write, FileShare.Read, bufferSize: 0);
        Before = TimeSpan.FromSeconds(secondsBefore);
    }

    /// <summary>The run's time before it was resumed, by the lines that were kept.</summary>
    public TimeSpan Before { get; }

    /// <summary>Begins a file for a new run.</summary>
    /// <exception cref="IOException">It is there already, or cannot be written.</exception>
    public static MetricsFile Create(string path) => new(path, FileMode.CreateNew);

    /// <summary>
    /// Continues a file after a resumed step: its later lines, its end, and a line that a kill cut off are dropped, all at once or not at all. A file
    /// that is not there is begun.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="step">The step that the run resumes after.</param>
    /// <exception cref="ReportException">It holds lines that are no metrics.</exception>
    public static MetricsFile Resume(string path, long step)
    {
        if (!File.Exists(path))
            return Create(path);
        (string Text, MetricEvent Metric)[] kept = [.. ReadLines(path).Where(line => line.Metric.Step <= step && line.Metric.Event != MetricKind.End)];
        string temporary = path + ".tmp";
        using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            foreach ((string text, _) in kept)
                stream.Write(Encoding.UTF8.GetBytes(text + '\n'));
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
        return new MetricsFile(path, FileMode.Append, kept.Max(line => line.Metric.ElapsedSeconds) ?? 0);
    }

    /// <summary>All events of a file, which a run may still be writing. A last line that is not complete yet is left out.</summary>
    /// <exception cref="ReportException">It holds lines that are no metrics; the message names each.</exception>
    public static IReadOnlyList<MetricEvent> Read(string path) => [.. ReadLines(path).Select(line => line.Metric)];

    /// <summary>Adds a line.</summary>
    public void Append(MetricEvent metric)
    {
        byte[] line = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(metric, Format) + '\n');
        _stream.Write(line);
    }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    private static List<(string Text, MetricEvent Metric)> ReadLines(string path)
    {
        string[] lines = ReadText(path).Split('\n');
        var read = new List<(string, MetricEvent)>();
        var problems = new List<string>();
        for (int i = 0; i < lines.Length; i++)
        {
            bool isLast = i == lines.Length - 1;
            if (isLast && lines[i].Length == 0)
                break;
            MetricEvent? metric = Parse(lines[i], out string problem);
            if (metric is not null)
                read.Add((lines[i].TrimEnd('\r'), metric));
            else if (!isLast) // without its line end it was cut off by a kill, or is just being written
                problems.Add($"line {i + 1}: {problem}");
        }

        return problems.Count == 0 ? read : throw new ReportException(path, problems);
    }

    private static string ReadText(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    private static MetricEvent? Parse(string line, out string problem)
    {
        try
        {
            var metric = JsonSerializer.Deserialize<MetricEvent>(line, Format);
            problem = metric is null ? "it is null, not an object." : metric.Step < 0 ? $"the step {metric.Step} is negative." : "";
            return problem.Length == 0 ? metric : null;
        }
        catch (JsonException e)
        {
            // The message ends with a position that counts lines from 0 inside this one line.
            problem = $"it is no event of a metrics file, at byte {e.BytePositionInLine + 1}: {e.Message.Split(" Path: ")[0].Split(" LineNumber: ")[0]}";
            return null;
        }
    }
}
