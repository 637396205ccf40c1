using System.CommandLine;
using MoeLora.Cli.DataSets;
using MoeLora.Cli.Options;
using MoeLora.Cli.Terminals;
using MoeLora.Training.Records;
using MoeLora.Training.Synthesis;
using MoeLora.Training.Synthesis.Corpora;

namespace MoeLora.Cli.Commands;

/// <summary><c>moelora data synth</c>: made-up records of the paper's eight tasks, and a corpus of the same words.</summary>
internal sealed class DataSynthCommand : ProgramCommand
{
    private const int Most = 1_000_000;

    private readonly Terminal _terminal;
    private readonly Option<string> _out = new("--out") { Description = "The folder for train.jsonl, dev.jsonl, test.jsonl and corpus.jsonl; made when it is not there.", HelpName = "DIR", Required = true };
    private readonly NumberOption _size = new("--size", "Training records of the largest task.", 0, Most, 400);
    private readonly NumberOption _devSize = new("--dev-size", "Validation records of each task.", 0, Most, 40);
    private readonly NumberOption _testSize = new("--test-size", "Test records of each task.", 0, Most, 40);
    private readonly DecimalOption _imbalance = new("--imbalance", "How many times larger the largest task is than the smallest.", 1, 1000, 1);
    private readonly ChoiceOption<double> _language = new("--language", "The language of the sentences; Chinese when not given.", ("zh", 0), ("en", 1), ("both", 0.5));
    private readonly DecimalOption _bare = new("--bare", "The share of records without a prompt: only the task says what is asked.", 0, 1, 0.5);
    private readonly DecimalOption _noise = new("--noise", "The share of inputs with fillers, lost commas and stray characters.", 0, 1, 0);
    private readonly DecimalOption _vocabulary = new("--vocabulary", "The share of the vocabulary that is used; fewer words are easier.", 0.01, 1, 1);
    private readonly DecimalOption _unseen = new("--unseen", "The share of these words that only dev and test have.", 0, 0.9, 0);
    private readonly NumberOption _corpusSize = new("--corpus-size", "Texts of the corpus for pre-training a base model; 0 writes none.", 0, 10 * Most, 0);
    private readonly NumberOption _seed = new("--seed", "The same seed and options give the same files.", 0, int.MaxValue, 0);
    private readonly JsonOption _json = new();

    public DataSynthCommand(Terminal terminal)
        : base("synth", "Makes synthetic records of the paper's eight tasks, and a corpus for pre-training.")
    {
        _terminal = terminal;
        foreach (Option option in (Option[])[_out, _size, _devSize, _testSize, _imbalance, _language, _bare, _noise, _vocabulary, _unseen, _corpusSize, _seed, _json])
            Add(option);
    }

    public override IReadOnlyList<string> Examples =>
    [
        "moelora data synth --out data --size 400 --corpus-size 60000",
        "moelora data synth --out data --size 1000 --imbalance 4 --language both --seed 7 --json",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var progress = new ProgressSource();
        Task<SynthesisReport> work = Task.Run(() => Make(parsed, progress, cancellation), cancellation);
        await progress.WatchAsync(_terminal, work);
        SynthesisReport report = await work;
        if (parsed.GetValue(_json))
            _terminal.WriteJson(report);
        else
            report.Print(_terminal);
        return ExitCode.Ok;
    }

    private SynthesisReport Make(ParseResult parsed, ProgressSource progress, CancellationToken cancellation)
    {
        var options = new SynthesisOptions
        {
            Size = parsed.GetValue(_size),
            DevSize = parsed.GetValue(_devSize),
            TestSize = parsed.GetValue(_testSize),
            Imbalance = parsed.GetValue(_imbalance),
            EnglishShare = parsed.GetValue(_language),
            BareShare = parsed.GetValue(_bare),
            Noise = parsed.GetValue(_noise),
            VocabularyShare = parsed.GetValue(_vocabulary),
            UnseenShare = parsed.GetValue(_unseen),
            Seed = parsed.GetValue(_seed),
        };
        progress.Begin("Making records");
        SyntheticData data = SyntheticData.Generate(options);
        string folder = Directory.CreateDirectory(parsed.GetRequiredValue(_out)).FullName;
        var files = new List<string>();
        foreach ((string name, IReadOnlyList<PromptRecord> records) in new[] { ("train", data.Train), ("dev", data.Dev), ("test", data.Test) })
        {
            cancellation.ThrowIfCancellationRequested();
            files.Add(Path.Combine(folder, name + ".jsonl"));
            RecordFile.Write(files[^1], records);
        }

        int texts = parsed.GetValue(_corpusSize);
        if (texts > 0)
        {
            progress.Begin("Making the corpus");
            files.Add(Path.Combine(folder, "corpus.jsonl"));
            CorpusFile.Write(files[^1], SyntheticCorpus.Generate(options, texts));
        }

        progress.End();
        return new SynthesisReport(data, files, texts);
    }
}
