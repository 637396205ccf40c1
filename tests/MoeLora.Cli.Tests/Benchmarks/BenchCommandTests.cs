namespace MoeLora.Cli.Tests.Benchmarks;

public sealed class BenchCommandTests
{
    [Theory]
    [InlineData("--rank 10 is not a multiple of --experts 8.", "--rank", "10")]
    [InlineData("--prompt and --generate make 2049 positions; the shape has 2048.", "--prompt", "2000", "--generate", "49")]
    [InlineData("give --adapter merged or shared.", "--compare", "adapter", "--adapter", "none")]
    [InlineData("give --batch 2 or more.", "--compare", "batch")]
    [InlineData("it takes no --prompt.", "--train", "--prompt", "8")]
    [InlineData("it takes no --compare.", "--train", "--compare", "batch", "--rows", "8")]
    [InlineData("--rows is for --train", "--rows", "8")]
    [InlineData("give --batch 2 or more.", "--serve", "one")]
    [InlineData("it takes no --adapter.", "--serve", "merged", "--batch", "8", "--adapter", "merged")]
    [InlineData("it takes no --serve.", "--train", "--serve", "one")]
    [InlineData("--compare: 'speed' is not one of adapter, batch.", "--compare", "speed")]
    public async Task Bench_SettingsThatDoNotFit_AreRefused(string message, params string[] options)
    {
        Invocation run = await Invocation.RunAsync(["bench", "--shape", "tinyllama-1.1b", .. options]);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains(message, run.Error);
    }
}
