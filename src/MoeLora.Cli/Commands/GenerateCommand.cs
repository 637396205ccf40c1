using System.CommandLine;
using System.Diagnostics;
using MoeLora.Cli.Generation;
using MoeLora.Cli.Options;
using MoeLora.Cli.Running;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;
using MoeLora.Models.Tokenizers;
using MoeLora.Serving;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora generate</c>: one answer of one task.</summary>
internal sealed class GenerateCommand : ProgramCommand
{
    private readonly Terminal _terminal;
    private readonly ModelOptions _model = new();
    private readonly TaskOption _task = new();
    private readonly Option<string?> _prompt = new("--prompt") { Description = "The prompt as text.", HelpName = "TEXT" };
    private readonly TokenIdsOption _promptIds = new();
    private readonly SamplingOptions _sampling = new();
    private readonly JsonOption _json = new();

    public GenerateCommand(Terminal terminal)
        : base("generate", "Answers a prompt as one task; greedy unless a temperature is given. Ctrl-C stops after the present token.")
    {
        _terminal = terminal;
        Add(_prompt);
        Add(_promptIds);
        _model.AddTo(this);
        Add(_task);
        _sampling.AddTo(this);
        Add(_json);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora generate --model tests/data/llama-tiny --adapter tests/data/llama-tiny/adapter --task 2 --prompt-ids 1,38,243 --max-new-tokens 8",
        "moelora generate --model DIR --adapter DIR --task-names task_dataset.json --task CMeEE-V2 --prompt \"…\" --max-new-tokens 200 --weights q8",
        "moelora generate --model DIR --prompt \"Once\" --max-new-tokens 50 --temperature 0.8 --top-p 0.9 --seed 7 --json",
    ];

    protected override IEnumerable<string> FindProblems(ParseResult parsed)
    {
        ModelSource source = _model.Read(parsed);
        List<string> problems = [.. _model.FindProblems(parsed), .. _task.FindProblems(parsed, source)];
        bool hasOnePrompt = parsed.GetResult(_prompt) is null ^ parsed.GetResult(_promptIds) is null;
        if (!hasOnePrompt)
            problems.Add("give the prompt either as text (--prompt) or as token ids (--prompt-ids).");
        string name = parsed.GetValue(_task) ?? "base";
        if (ModelRef.TryParse(name, out ModelRef model, out string? problem))
            problems.AddRange(_sampling.Read(parsed, model, Prompt(parsed)).FindProblems().Where(p => hasOnePrompt || p.Param != "prompt").Select(OptionNames.Explain));
        else
            problems.Add($"--task {problem}.");
        return problems;
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        ModelSource source = _model.Read(parsed);
        string? task = parsed.GetValue(_task);
        Prompt prompt = Prompt(parsed);
        bool json = parsed.GetValue(_json);
        TokenizerLoad tokenizer = TokenizerReader.Read(source.Model);
        if (prompt is TextPrompt && !tokenizer.HasTokenizer)
            throw new CommandException($"--prompt is text, but {tokenizer.WhyNone} Give token ids with --prompt-ids.");

        var printer = new AnswerPrinter(_terminal, tokenizer.HasTokenizer, isSilent: json);
        var answer = new Answer();
        long start = Stopwatch.GetTimestamp();
        TimeSpan load = TimeSpan.Zero;
        try
        {
            await using var grid = new LocalGrid(GridLoad.Options(source, task));
            await grid.LoadAsync(_terminal, cancellation);
            load = Stopwatch.GetElapsedTime(start);
            ModelRef model = ModelRef.Parse(task ?? await BaseNameAsync(grid, cancellation));
            answer = new Answer();
            await foreach (GenerationEvent item in Require(await grid.GenerateAsync(_sampling.Read(parsed, model, prompt), cancellation)))
            {
                answer.Take(item);
                printer.Print(item);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // What came before the cancellation is the result.
        }

        AnswerReport report = answer.Report(tokenizer.HasTokenizer, load);
        if (json)
            _terminal.WriteJson(report);
        else
            printer.PrintEnd(report);
        return answer.IsComplete ? ExitCode.Ok : ExitCode.Cancelled;
    }

    private Prompt Prompt(ParseResult parsed) => parsed.GetValue(_promptIds) is { Length: > 0 } ids ? new TokenPrompt(ids) : new TextPrompt(parsed.GetValue(_prompt) ?? "");

    private static async Task<string> BaseNameAsync(LocalGrid grid, CancellationToken cancellation) =>
        Require(await grid.ListModelsAsync(cancellation))[0].Id;

    private static T Require<T>(GridResult<T> result)
        where T : class
        => result.TryGet(out T? value, out GridError? error) ? value : throw new CommandException(OptionNames.Explain(error));
}
