using System.Text.Json.Nodes;
using MoeLora.Cli;
using MoeLora.Cli.Terminals;
using MoeLora.Grid.Tests;
using MoeLora.Serving.Tests;

namespace MoeLora.Silo.Tests;

/// <summary>The program has all commands of <c>moelora</c> beside its own, and reads what <c>moelora</c> does not.</summary>
public sealed class FullProgramTests : IDisposable
{
    private const int LlamaTinyVocabulary = 320;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("chatglm-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    public async Task Verify_ReferencePack_Passes(string pack)
    {
        (int exitCode, string output, string errors) = await RunAsync("verify", Path.Combine(TestData, pack), "--threads", "1");

        Assert.True(exitCode == ExitCode.Ok, $"{output}{errors}");
    }

    [Fact]
    public async Task Generate_SentencePieceModel_TakesAndGivesText()
    {
        string model = LlamaWithModelFile();

        (int exitCode, string output, string errors) = await RunAsync("generate", "--model", model, "--prompt", "医生", "--max-new-tokens", "4", "--temperature", "0", "--threads", "1");

        Assert.True(exitCode == ExitCode.Ok, errors);
        Assert.NotEqual("", output.Trim());
    }

    [Fact]
    public async Task Inspect_SentencePieceModel_CountsItsPieces()
    {
        (int exitCode, string output, string errors) = await RunAsync("inspect", LlamaWithModelFile(), "--json");

        Assert.True(exitCode == ExitCode.Ok, errors);
        Assert.Equal(LlamaTinyVocabulary, JsonNode.Parse(output)!["tokenizer_vocabulary"]!.GetValue<int>());
    }

    [Fact]
    public async Task Help_OfTheProgram_HasAllCommandsAndItsOwnName()
    {
        (int exitCode, string output, _) = await RunAsync("--help");

        Assert.Equal(ExitCode.Ok, exitCode);
        Assert.All(["silo", "serve", "generate", "train", "eval", "bundle", "publish", "verify", "bench"], command => Assert.Contains($"\n  {command} ", output, StringComparison.Ordinal));
        Assert.Contains("'moelora-silo COMMAND --help'", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("silo")]
    [InlineData("verify")]
    public async Task Help_OfACommand_HasExamplesForThisProgram(string command)
    {
        (_, string output, _) = await RunAsync(command, "--help");

        Assert.Contains($"\n  moelora-silo {command} ", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--config", "nowhere.yaml")]
    [InlineData("--config=nowhere.yaml")]
    [InlineData("silo", "--config", "nowhere.yaml")]
    public async Task Silo_InEitherSpelling_IsTheSameCommand(params string[] args)
    {
        (int exitCode, _, string errors) = await RunAsync(args);

        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.StartsWith("moelora-silo silo: File does not exist: 'nowhere.yaml'", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Usage_DeviceThatTheProgramLacks_IsNamed()
    {
        (int exitCode, _, string errors) = await RunAsync("verify", TestData, "--device", "abacus:1");

        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.StartsWith("moelora-silo verify: --device: 'abacus:1' is none of the devices that this program has: cpu", errors, StringComparison.Ordinal);
    }

    private static string TestData => Path.GetFullPath(Path.Combine(DemoFiles.Base, "..", "..", "..", "..", "tests", "data"));

    private static async Task<(int ExitCode, string Out, string Error)> RunAsync(params string[] args)
    {
        var terminal = new Terminal { Out = new StringWriter(), Error = new StringWriter() };
        int exitCode = await Program.RunAsync(args, terminal, CancellationToken.None);
        return (exitCode, terminal.Out.ToString()!, terminal.Error.ToString()!);
    }

    /// <summary>The Llama pack with the first pieces of a SentencePiece model: as many as the pack's model has ids.</summary>
    private string LlamaWithModelFile()
    {
        foreach (string file in (ReadOnlySpan<string>)["config.json", "model.safetensors"])
            File.Copy(Path.Combine(TestData, "llama-tiny", file), _directory[file]);
        byte[] model = File.ReadAllBytes(Path.Combine(TestData, "tokenizers", "sp_bpe.model"));
        using FileStream output = File.Create(_directory["tokenizer.model"]);
        for (int at = 0, pieces = 0; at < model.Length;)
        {
            // Every field of the file is bytes: a tag of one byte, a length of up to three, content. Field 1 is a piece.
            int content = at + 1, length = 0;
            for (int shift = 0; ; shift += 7)
            {
                length |= (model[content] & 0x7F) << shift;
                if (model[content++] < 0x80)
                    break;
            }

            if (model[at] >> 3 != 1 || pieces++ < LlamaTinyVocabulary)
                output.Write(model, at, content + length - at);
            at = content + length;
        }

        return Path.GetDirectoryName(_directory["tokenizer.model"])!;
    }
}
