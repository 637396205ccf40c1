using System.Diagnostics;

namespace MoeLora.Torch.Tests.Programs;

/// <summary>tests/gpu/run.sh from its build to its table, on libtorch for the processor with shapes of almost nothing.</summary>
public sealed class ScriptTests : IDisposable
{
    private readonly string _out = Directory.CreateTempSubdirectory("moelora-gpu-").FullName;

    public void Dispose() => Directory.Delete(_out, recursive: true);

    [LongFact]
    public void Script_WithoutAGpuOrPython_ChecksAndMeasuresAndPrintsItsTable()
    {
        (int exitCode, string output) = Run("--device", "torch-cpu", "--tiny", "--turns", "1", "--out", _out);

        Assert.True(exitCode == 0, output);
        Assert.Contains("passed: conformance of the device", output);
        Assert.Contains("passed: verify qwen2-tiny", output);
        Assert.Contains("transformers + PEFT are skipped", output);
        foreach (string shape in new[] { "llama-smallest", "chatglm-smallest" })
            Assert.Matches($@"(?m)^{shape} +recovery_ms +[0-9.]+ +- +-", output);
        Assert.EndsWith("all checks passed", output.TrimEnd());
    }

    [Theory]
    [InlineData("--device", "tpu", "none of cuda, cuda:N, torch-cpu")]
    [InlineData("--turns", "0", "'0' is no number of turns")]
    [InlineData("--fast", "", "'--fast' is not understood")]
    public void Script_WithWhatItDoesNotKnow_SaysSoAndDoesNothing(string option, string value, string message)
    {
        (int exitCode, string output) = Run(option, value);

        Assert.Equal(2, exitCode);
        Assert.Contains(message, output);
    }

    private (int ExitCode, string Output) Run(params string[] arguments)
    {
        var start = new ProcessStartInfo("bash", [ProgramTests.InRepository("tests", "gpu", "run.sh"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PYTHON"] = Path.Combine(_out, "no-python");
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, errors.Result + output);
    }
}
