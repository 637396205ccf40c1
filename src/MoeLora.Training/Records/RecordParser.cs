using System.Text.Json;

namespace MoeLora.Training.Records;

/// <summary>Reads one line as a record, finding everything that is wrong with it.</summary>
internal sealed class RecordParser(string file, RecordOptions options, RecordProblems problems)
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    private int _line;

    /// <summary>The record; null when something is wrong, which is then among the problems.</summary>
    public PromptRecord? Parse(ReadOnlyMemory<byte> bytes, int line)
    {
        _line = line;
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes, Strict);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return Read(document.RootElement);
            Add(RecordProblemKind.Json, $"{NameOf(document.RootElement)} instead of an object: every line must hold one record.");
        }
        catch (JsonException e)
        {
            Add(RecordProblemKind.Json, $"not one JSON object on one line{At(e)}: {FirstSentence(e.Message)}");
        }
        catch (InvalidOperationException)
        {
            // A string that is no text, such as half of a surrogate pair.
            Add(RecordProblemKind.Json, "a string holds an escape that is no character (half of a surrogate pair).");
        }

        return null;
    }

    private PromptRecord? Read(JsonElement root)
    {
        int before = problems.Count;
        string? input = ReadString(root, "input"), target = ReadString(root, "target");
        string? type = ReadString(root, "task_type"), task = ReadString(root, "task_dataset"), id = ReadString(root, "sample_id");
        IReadOnlyList<string>? choices = ReadChoices(root);
        if (input is not null && string.IsNullOrWhiteSpace(input))
            Add(RecordProblemKind.EmptyInput, "\"input\" is empty.");
        if (options.RequiresTargets && target is not null && string.IsNullOrWhiteSpace(target))
            Add(RecordProblemKind.EmptyTarget, "\"target\" is empty.");
        if (id is not null && string.IsNullOrWhiteSpace(id))
            Add(RecordProblemKind.Field, "\"sample_id\" is empty.");
        if (task is not null)
            CheckTask(task, choices, problems.Count > before);
        CheckLength("input", input, options.Limits?.MaxInputTokens);
        CheckLength("target", target, options.Limits?.MaxTargetTokens);
        if (problems.Count > before)
            return null;
        return new PromptRecord
        {
            Input = input!,
            Target = target!,
            AnswerChoices = choices,
            TaskType = type!,
            TaskDataset = task!,
            SampleId = id!,
            SourceFile = file,
            SourceLine = _line,
        };
    }

    private void CheckTask(string name, IReadOnlyList<string>? choices, bool choicesMayBeWrong)
    {
        PromptTask? task = PromptTasks.Find(name);
        if (task is null)
            Add(RecordProblemKind.UnknownTask, $"\"task_dataset\" is '{name}', which is none of {string.Join(", ", PromptTasks.All.Select(t => t.Name))}.");
        else if (task.NeedsChoices && choices is null or [] && !choicesMayBeWrong)
            Add(RecordProblemKind.Field, $"\"answer_choices\" is empty; an answer of {name} is understood by them.");
    }

    private void CheckLength(string field, string? text, int? most)
    {
        if (text is null || most is not { } limit)
            return;
        int tokens = options.Limits!.Tokenizer.Encode(text, addSpecialTokens: false).Count;
        if (tokens > limit)
            Add(RecordProblemKind.TooLong, $"\"{field}\" has {tokens} tokens, more than {limit}.");
    }

    private string? ReadString(JsonElement root, string field)
    {
        if (!root.TryGetProperty(field, out JsonElement value))
            Add(RecordProblemKind.Field, $"\"{field}\" is missing.");
        else if (value.ValueKind != JsonValueKind.String)
            Add(value.ValueKind == JsonValueKind.Null && field == "target" ? RecordProblemKind.EmptyTarget : RecordProblemKind.Field, $"\"{field}\" is {NameOf(value)}, not a string.");
        else
            return value.GetString();
        return null;
    }

    private List<string>? ReadChoices(JsonElement root)
    {
        if (!root.TryGetProperty("answer_choices", out JsonElement value))
        {
            Add(RecordProblemKind.Field, "\"answer_choices\" is missing; it is null where there are none.");
        }
        else if (value.ValueKind == JsonValueKind.Array)
        {
            if (value.EnumerateArray().All(choice => choice.ValueKind == JsonValueKind.String))
                return [.. value.EnumerateArray().Select(choice => choice.GetString()!)];
            Add(RecordProblemKind.Field, "\"answer_choices\" holds something else than strings.");
        }
        else if (value.ValueKind != JsonValueKind.Null)
        {
            Add(RecordProblemKind.Field, $"\"answer_choices\" is {NameOf(value)}, neither a list of strings nor null.");
        }

        return null;
    }

    private void Add(RecordProblemKind kind, string message) => problems.Add(new RecordProblem(kind, file, _line, message));

    private static string NameOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => "a list",
        JsonValueKind.Object => "an object",
        JsonValueKind.Null => "null",
        JsonValueKind.Number => "a number",
        JsonValueKind.String => "a string",
        _ => "true or false",
    };

    private static string At(JsonException e) => e.BytePositionInLine is { } position ? $" (byte {position + 1} of the line)" : "";

    // The parser's message ends with positions, which are said already.
    private static string FirstSentence(string message) => message.Split(" LineNumber:")[0];
}
