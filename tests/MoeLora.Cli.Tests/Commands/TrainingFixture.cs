using System.Text.Json;

namespace MoeLora.Cli.Tests.Commands;

/// <summary>A tiny model with a tokenizer and records of two tasks, for runs of a few seconds.</summary>
internal sealed class TrainingFixture : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public TrainingFixture()
    {
        Model = Directory.CreateDirectory(_directory.File("model")).FullName;
        foreach (string file in (string[])["config.json", "model.safetensors"])
            File.Copy(Path.Combine(Packs.Model("qwen2-tiny"), file), Path.Combine(Model, file));
        ByteTokenizer.Write(Model);
        Train = Write("train.jsonl", Enumerable.Range(0, 12).Select(Record));
        Validation = Write("validation.jsonl", Enumerable.Range(20, 4).Select(Record));
        Test = Write("test.jsonl", Enumerable.Range(30, 4).Select(Record));
    }

    public string Model { get; }

    public string Train { get; }

    public string Validation { get; }

    public string Test { get; }

    /// <summary>A path in the test's directory.</summary>
    public string PathOf(string name) => _directory.File(name);

    /// <summary>A short training into a directory of the test, on one thread, with its result as JSON.</summary>
    public Task<Invocation> TrainAsync(string directory, params string[] more)
    {
        (string Flag, string Value)[] usual = [("--model", Model), ("--train", Train), ("--out", PathOf(directory)), ("--steps", "4"), ("--batch-size", "3"), ("--rank", "8"), ("--threads", "1")];
        return Invocation.RunAsync(["train", .. usual.Where(option => !more.Contains(option.Flag)).SelectMany(option => new[] { option.Flag, option.Value }), "--json", .. more]);
    }

    /// <summary>One line of a data set; even numbers are of one task, odd ones of another.</summary>
    public static string Record(int number) => JsonSerializer.Serialize(new
    {
        input = $"which kind is {number}?",
        target = number % 2 == 0 ? "even" : "odd one",
        answer_choices = (string[])["even", "odd one"],
        task_type = "cls",
        task_dataset = number % 2 == 0 ? "CHIP-CTC" : "KUAKE-QIC",
        sample_id = $"{number}",
    });

    public string Write(string name, IEnumerable<string> lines)
    {
        File.WriteAllLines(_directory.File(name), lines);
        return _directory.File(name);
    }

    public void Dispose() => _directory.Dispose();
}
