using System.Diagnostics;
using MoeLora.Cli.Generation;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Models.Configs;
using MoeLora.Models.Prompts;
using MoeLora.Models.Tokenizers;
using MoeLora.Serving;
using MoeLora.Training.Methods;
using MoeLora.Training.Records;

namespace MoeLora.Cli.Answers;

/// <summary>Answers a test set as it is served: prompts as text through a grid, greedily.</summary>
/// <param name="terminal">For progress.</param>
/// <param name="format">What is written around inputs.</param>
/// <param name="demonstrations">Before each input; null for none.</param>
internal sealed class GridAnswers(Terminal terminal, PromptFormat format, Demonstrations? demonstrations)
{
    /// <summary>Answers all records with a model, and an adapter if the source has one.</summary>
    public async Task<GivenAnswers> AnswerAsync(ModelSource source, TestSet test, int maxNewTokens, CancellationToken cancellation)
    {
        ITokenizer tokenizer = TokenizerReader.Read(source.Model).Require();
        int positions = ModelConfigReader.Read(source.Model).MaxPositions;
        string Prompt(PromptRecord record) => format.Apply(
            (demonstrations?.Before(record, input => tokenizer.Encode(format.Apply(input)).Count + maxNewTokens <= positions) ?? "") + record.Input);
        test.RequireRoom(record => tokenizer.Encode(Prompt(record)).Count, maxNewTokens, positions);

        await using var grid = new LocalGrid(GridLoad.Options(source));
        await grid.LoadAsync(terminal, cancellation);
        Dictionary<string, ModelRef> models = await ModelsAsync(grid, source, test, cancellation);
        var progress = new ProgressSource();
        Task<GivenAnswers> work = Task.Run(
            async () =>
            {
                var answers = new List<GivenAnswer>();
                long start = Stopwatch.GetTimestamp();
                progress.Begin($"Answering {test.Records.Count} records, {source.Mode.ToString().ToLowerInvariant()}");
                foreach (PromptRecord record in test.Records)
                {
                    var request = new GenerationRequest { Model = models[record.TaskDataset], Prompt = new TextPrompt(Prompt(record)), MaxTokens = maxNewTokens, ReturnTokenIds = true };
                    answers.Add(await AnswerAsync(grid, record, request, cancellation));
                    progress.Report((double)answers.Count / test.Records.Count);
                }

                return new GivenAnswers(answers, Stopwatch.GetElapsedTime(start));
            },
            cancellation);
        await progress.WatchAsync(terminal, work);
        return await work;
    }

    private static async Task<GivenAnswer> AnswerAsync(LocalGrid grid, PromptRecord record, GenerationRequest request, CancellationToken cancellation)
    {
        if (!(await grid.GenerateAsync(request, cancellation)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error))
            throw new CommandException($"{record.SourceFile}:{record.SourceLine}: {OptionNames.Explain(error)}");
        var answer = new Answer();
        await foreach (GenerationEvent item in events.WithCancellation(cancellation))
            answer.Take(item);
        AnswerReport report = answer.Report(hasText: true, TimeSpan.Zero);
        bool isWhole = report.FinishReason == "stop";
        return new GivenAnswer(record, isWhole ? [.. report.TokenIds.SkipLast(1)] : report.TokenIds, report.Text!, isWhole);
    }

    /// <summary>What to ask for a task's records: the adapter's task of that name, or the base model.</summary>
    private static async Task<Dictionary<string, ModelRef>> ModelsAsync(LocalGrid grid, ModelSource source, TestSet test, CancellationToken cancellation)
    {
        string[] tasks = [.. test.Records.Select(record => record.TaskDataset).Distinct()];
        if (!(await grid.ListModelsAsync(cancellation)).TryGet(out IReadOnlyList<ModelDescription>? served, out GridError? error))
            throw new CommandException(error.Message);
        if (source.Adapter is null)
            return tasks.ToDictionary(task => task, _ => ModelRef.Parse(served[0].Id));
        string[] unknown = [.. tasks.Where(task => served.All(model => model.Id != task))];
        return unknown.Length == 0
            ? tasks.ToDictionary(task => task, ModelRef.Parse)
            : throw new CommandException(
                $"The adapter has no task {string.Join(", ", unknown)}; its tasks are {string.Join(", ", served.Select(model => model.Id))}. Name them with --task-names FILE, or choose records with --task.");
    }
}
