using System.Text.Json;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Training.Synthesis.Corpora;

namespace MoeLora.Cli.Tests.Commands;

public sealed class PretrainCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    private string Out => _directory.File("base");

    [Fact]
    public async Task Pretrain_ACorpus_LeavesAModelThatLoads()
    {
        Directory.CreateDirectory(Out); // empty, as a user may have made it

        Invocation run = await RunAsync("--json");

        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Equal(["config.json", "model.safetensors", "tokenizer.json"], Directory.GetFiles(Out).Select(Path.GetFileName).Order());
        Assert.False(Path.Exists(Out + ".unfinished"));
        ITokenizer tokenizer = TokenizerReader.Read(Out).Require();
        using var device = new CpuDevice(threads: 1);
        using CausalModel model = ModelLoader.Load(Out, device, DType.F32);
        Assert.Equal(tokenizer.VocabularySize, model.Config.VocabularySize);
        Assert.Equal((16, 1, 32), (model.Config.HiddenSize, model.Config.LayerCount, model.Config.MaxPositions));
        JsonElement report = run.Json;
        Assert.Equal((3, tokenizer.VocabularySize), (report.GetProperty("steps").GetInt64(), report.GetProperty("vocabulary").GetInt32()));
        Assert.InRange(report.GetProperty("loss").GetDouble(), 1, 10);
        Assert.True(report.GetProperty("tokens").GetInt64() > 0);
        Assert.True(report.GetProperty("parameters").GetInt64() > 280 * 16);
    }

    [Fact]
    public async Task Pretrain_IntoADirectoryThatHoldsSomething_IsRefusedAndChangesNothing()
    {
        Directory.CreateDirectory(Out);
        await File.WriteAllTextAsync(Path.Combine(Out, "notes"), "mine");

        Invocation run = await RunAsync();

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"--out: {Out} is there already and not empty; name a new directory.", run.Error);
        Assert.Equal(["notes"], Directory.GetFiles(Out).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Pretrain_TextsThatAreTooLong_AreNamedByLineAndNothingIsLeft()
    {
        Invocation run = await RunAsync("--max-positions", "8");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"{_directory.File("corpus.jsonl")}:1: the text has ", run.Error);
        Assert.Contains("the model 8 positions", run.Error);
        Assert.Equal(["corpus.jsonl"], Directory.GetFileSystemEntries(_directory.Path).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Pretrain_ACorpusLineThatIsNone_IsNamed()
    {
        await File.WriteAllLinesAsync(_directory.File("bad.jsonl"), ["{\"text\": \"fine\"}", "{\"texts\": 1}"]);

        Invocation run = await RunAsync("--corpus", _directory.File("bad.jsonl"));

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains($"{_directory.File("bad.jsonl")}:2: not an object with a \"text\"", run.Error);
    }

    [Fact]
    public async Task Pretrain_AShapeThatCannotBe_IsAUsageErrorWithAllProblems()
    {
        Invocation run = await RunAsync("--hidden", "10", "--heads", "3", "--kv-heads", "2", "--warmup-steps", "9");

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("hidden is 10 with 3 heads; a head's width must be whole and even.", run.Error);
        Assert.Contains("kv_heads is 2; it must divide the 3 heads.", run.Error);
        Assert.Contains("warmup_steps is 9; it must be from 0 to the 3 steps of the run.", run.Error);
    }

    private Task<Invocation> RunAsync(params string[] more)
    {
        string corpus = _directory.File("corpus.jsonl");
        CorpusFile.Write(corpus, Enumerable.Range(0, 20).Select(i => $"the {i}th text of a small corpus"));
        (string Option, string Value)[] usual =
        [
            ("--corpus", corpus), ("--out", Out), ("--vocabulary", "280"), ("--hidden", "16"), ("--layers", "1"), ("--heads", "2"), ("--kv-heads", "1"), ("--intermediate", "24"),
            ("--max-positions", "32"), ("--steps", "3"), ("--batch-size", "4"), ("--threads", "1"),
        ];
        return Invocation.RunAsync(["pretrain", .. usual.Where(option => !more.Contains(option.Option)).SelectMany(option => new[] { option.Option, option.Value }), .. more]);
    }
}
