using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using MoeLora.Training.Batches;
using MoeLora.Training.Configuration;
using MoeLora.Training.Samples;

namespace MoeLora.Training.Outputs;

/// <summary>The directory of a training run: what is where in it, and whether a run may begin or go on there.</summary>
/// <param name="path">The directory.</param>
public sealed class TrainingDirectory(string path)
{
    /// <summary>The directory itself.</summary>
    public string Path => path;

    /// <summary>The configuration of the run, which reads as the same configuration.</summary>
    public string Configuration => File("config.json");

    /// <summary>What the run measures.</summary>
    public string Metrics => File("metrics.jsonl");

    /// <summary>The same as curves.</summary>
    public string Curves => File("curves.html");

    /// <summary>The newest state of the run.</summary>
    public string Checkpoint => File("checkpoint.safetensors");

    /// <summary>The trained adapter in the published format, for methods that are adapters.</summary>
    public string Adapter => File("adapter");

    /// <summary>The trained parameters of other methods.</summary>
    public string Parameters => File("trained.safetensors");

    /// <summary>The tasks that were trained, in the authors' form.</summary>
    public string Tasks => File("tasks.json");

    /// <summary>Why a run cannot begin here, or go on; null when it can.</summary>
    /// <param name="configuration">Of the run.</param>
    /// <param name="resume">Whether it goes on.</param>
    /// <param name="changes">Gets options that have another value than before, where that is allowed.</param>
    public string? FindProblem(TrainingConfiguration configuration, bool resume, List<string> changes)
    {
        bool isUsed = System.IO.File.Exists(path) || (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any());
        if (!resume)
            return isUsed ? $"{path} is not empty. Give a new directory with --out, or go on with the run in it with --resume." : null;
        if (!isUsed)
            return $"There is nothing to resume in {path}.";
        var problems = new List<string>();
        JsonObject? before = ReadConfiguration(problems);
        if (before is null)
            return problems[0];
        JsonObject now = JsonNode.Parse(TrainingOptions.ToText(configuration))!.AsObject();
        foreach (ConfigurationOption option in TrainingOptions.All)
        {
            JsonNode? old = before[option.Key], given = now[option.Key];
            if (JsonNode.DeepEquals(old, given))
                continue;
            (option.MayChange ? changes : problems).Add($"{option.Key} was {old?.ToJsonString() ?? "none"} and is {given?.ToJsonString() ?? "none"}");
        }
        return problems.Count == 0 ? null : $"The run in {path} cannot go on with another configuration: {string.Join("; ", problems)}. Give what it began with ({Configuration}), or another --out.";
    }

    /// <summary>
    /// What makes a run the same run, as text for its checkpoints: the options that a resumed run must have again, the base model and the samples.
    /// </summary>
    /// <param name="configuration">Of the run.</param>
    /// <param name="modelHash">Of the base model's files.</param>
    /// <param name="tasks">The tasks with their ids.</param>
    /// <param name="samples">Those to learn from and those to validate on.</param>
    public static string Identity(TrainingConfiguration configuration, string modelHash, TaskSet tasks, params ReadOnlySpan<IReadOnlyList<TrainingSample>> samples)
    {
        JsonObject identity = TrainingOptions.Fixed(configuration);
        identity["model_sha256"] = modelHash;
        identity["tasks"] = JsonSerializer.SerializeToNode(tasks.Names);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (IReadOnlyList<TrainingSample> set in samples)
        {
            Append(hash, [set.Count]);
            foreach (TrainingSample sample in set)
            {
                Append(hash, [sample.Tokens.Length, sample.PromptLength, sample.TaskId]);
                Append(hash, sample.Tokens);
            }
        }
        identity["samples_sha256"] = Convert.ToHexStringLower(hash.GetHashAndReset());
        return identity.ToJsonString();
    }

    /// <summary>Writes the configuration, in place of an older one at once.</summary>
    public void WriteConfiguration(TrainingConfiguration configuration)
    {
        Directory.CreateDirectory(path);
        string temporary = Configuration + ".tmp";
        System.IO.File.WriteAllText(temporary, TrainingOptions.ToText(configuration), new UTF8Encoding(false));
        System.IO.File.Move(temporary, Configuration, overwrite: true);
    }

    private JsonObject? ReadConfiguration(List<string> problems)
    {
        try
        {
            if (JsonNode.Parse(System.IO.File.ReadAllText(Configuration)) is JsonObject read)
                return read;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            // Said below, as for a file that holds no object.
        }

        problems.Add($"{path} is not the directory of a training run: it has no readable config.json.");
        return null;
    }

    private static void Append(IncrementalHash hash, ReadOnlySpan<int> numbers) => hash.AppendData(System.Runtime.InteropServices.MemoryMarshal.AsBytes(numbers));

    private string File(string name) => System.IO.Path.Combine(path, name);
}
