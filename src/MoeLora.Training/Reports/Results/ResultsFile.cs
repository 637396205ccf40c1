using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MoeLora.Training.Reports.Results;

/// <summary>Keeps <see cref="ExperimentResults"/> as one JSON file, written after every cell, so that an experiment goes on where it was stopped.</summary>
public static class ResultsFile
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // a loss may be NaN
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        RespectNullableAnnotations = true,
        WriteIndented = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    /// <summary>Writes the file whole or not at all, in place of one that is there.</summary>
    /// <exception cref="ArgumentException">The results contradict themselves.</exception>
    public static void Write(string path, ExperimentResults results)
    {
        if (results.FindProblems() is { Count: > 0 } problems)
            throw new ArgumentException(string.Join('\n', problems), nameof(results));
        string temporary = path + ".tmp";
        using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(stream, results, Format);
            stream.WriteByte((byte)'\n');
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    /// <exception cref="ReportException">It is no such file, or contradicts itself; the message lists everything.</exception>
    public static ExperimentResults Read(string path)
    {
        ExperimentResults? results;
        try
        {
            using FileStream stream = File.OpenRead(path);
            results = JsonSerializer.Deserialize<ExperimentResults>(stream, Format);
        }
        catch (JsonException e)
        {
            throw new ReportException(path, [$"line {e.LineNumber + 1}: it holds no results of an experiment: {e.Message.Split(" LineNumber: ")[0].TrimEnd(' ', '|')}"]);
        }

        if (results is null)
            throw new ReportException(path, ["it is null, not an object."]);
        return results.FindProblems() is { Count: > 0 } problems ? throw new ReportException(path, problems) : results;
    }
}
