using MoeLora.Models.Configs;
using MoeLora.Models.Prompts;
using MoeLora.Models.Tokenizers;
using MoeLora.Training.Batches;
using MoeLora.Training.Generation;
using MoeLora.Training.Networks;
using MoeLora.Training.Records;

namespace MoeLora.Training.Samples;

/// <summary>Turns records into tokens for one model. A prompt becomes the same tokens as when it is served as text.</summary>
/// <param name="network">The model.</param>
/// <param name="tokenizer">Its tokenizer.</param>
/// <param name="tasks">Ids of the tasks.</param>
/// <param name="format">What is written around inputs.</param>
public sealed class SampleEncoder(Network network, ITokenizer tokenizer, TaskSet tasks, PromptFormat format = PromptFormat.Plain)
{
    /// <summary>Turns text into tokens and back.</summary>
    public ITokenizer Tokenizer => tokenizer;

    /// <summary>Ids of the tasks.</summary>
    public TaskSet Tasks => tasks;

    /// <summary>Inputs longer than this many tokens, format included, are cut at their end before what the model needs there; null cuts nothing.</summary>
    public int? CutInputTokens { get; init; }

    /// <summary>Answers longer than this many tokens are cut; null cuts nothing.</summary>
    public int? CutTargetTokens { get; init; }

    /// <summary>Tokens put before every prompt, such as virtual tokens.</summary>
    public Func<IReadOnlyList<int>, int[]> Prepend { get; init; } = prompt => [.. prompt];

    /// <summary>Text put before every input, which may name its task.</summary>
    public Func<PromptRecord, string> Preface { get; init; } = _ => "";

    /// <summary>The tokens of a record's prompt.</summary>
    public int[] Prompt(PromptRecord record)
    {
        IEnumerable<int> ids = tokenizer.Encode(format.Apply(Preface(record) + record.Input));
        if (CutInputTokens is { } limit)
            ids = ids.Take(limit);
        if (network.Config is ChatGlmConfig glm && !ids.Contains(glm.StartTokenId))
            ids = [.. ids, glm.GMaskTokenId, glm.StartTokenId];
        return Prepend([.. ids]);
    }

    /// <summary>A record to learn from: its prompt, its answer and the end token.</summary>
    /// <exception cref="RecordException">It does not fit the model, or its task is not in the set.</exception>
    public TrainingSample Sample(PromptRecord record)
    {
        var problems = new RecordProblems();
        return Sample(record, problems) ?? throw new RecordException(problems.ToString());
    }

    /// <summary>As <see cref="Sample(PromptRecord)"/>; null after adding to <paramref name="problems"/> what is wrong.</summary>
    public TrainingSample? Sample(PromptRecord record, RecordProblems problems)
    {
        if (tasks.Find(record.TaskDataset) is not { } task)
        {
            problems.Add(Problem(record, RecordProblemKind.UnknownTask, UnknownTask(record)));
            return null;
        }
        int[] prompt = Prompt(record);
        IEnumerable<int> answer = tokenizer.Encode(record.Target, addSpecialTokens: false);
        if (CutTargetTokens is { } limit)
            answer = answer.Take(limit);
        int[] tokens = [.. prompt, .. answer, EndToken];
        if (tokens.Length <= network.Config.MaxPositions)
            return new TrainingSample(tokens, prompt.Length, task, network.ShapeOf(prompt));
        problems.Add(Problem(
            record, RecordProblemKind.TooLong, $"prompt and answer have {tokens.Length} tokens; the model was made for {network.Config.MaxPositions}. Shorten the record, cut samples, or leave it out."));
        return null;
    }

    /// <summary>A record to be answered.</summary>
    /// <exception cref="RecordException">Its task is not in the set.</exception>
    public GenerationPrompt Question(PromptRecord record)
    {
        int[] prompt = Prompt(record);
        return new GenerationPrompt(prompt, TaskId(record), network.ShapeOf(prompt));
    }

    /// <summary>Adds to <paramref name="problems"/> what keeps a record from being answered with as many as <paramref name="maxNewTokens"/> tokens.</summary>
    public void CheckQuestion(PromptRecord record, int maxNewTokens, RecordProblems problems)
    {
        if (tasks.Find(record.TaskDataset) is null)
            problems.Add(Problem(record, RecordProblemKind.UnknownTask, UnknownTask(record)));
        int tokens = Prompt(record).Length;
        if (tokens + maxNewTokens > network.Config.MaxPositions)
        {
            problems.Add(Problem(
                record, RecordProblemKind.TooLong, $"the prompt has {tokens} tokens, which leaves no room for {maxNewTokens} more in the model's {network.Config.MaxPositions} positions. Shorten the record, ask for shorter answers, or leave it out."));
        }
    }

    /// <summary>The text of generated tokens. Ids that the tokenizer has no text for are left out.</summary>
    public string Text(IEnumerable<int> tokens) => tokenizer.Decode([.. tokens.Where(id => id < tokenizer.VocabularySize)]);

    private int EndToken => network.Config.EndTokenIds.Count > 0
        ? network.Config.EndTokenIds[0]
        : throw new RecordException("The model's config names no end token (eos_token_id), so answers could not end.");

    private int TaskId(PromptRecord record) =>
        tasks.Find(record.TaskDataset) ?? throw new RecordException(Problem(record, RecordProblemKind.UnknownTask, UnknownTask(record)).ToString());

    private string UnknownTask(PromptRecord record) => $"the task {record.TaskDataset} is none of those that are trained: {string.Join(", ", tasks.Names)}.";

    private static RecordProblem Problem(PromptRecord record, RecordProblemKind kind, string message) =>
        new(kind, record.SourceFile ?? $"Record {record.SampleId}", record.SourceLine, message);
}
