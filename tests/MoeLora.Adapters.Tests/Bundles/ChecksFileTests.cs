using System.Text.Json.Nodes;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Import;

namespace MoeLora.Adapters.Tests.Bundles;

public sealed class ChecksFileTests : IDisposable
{
    // Values whose shortest decimal texts are long; logits in order, the last two equal.
    private static readonly BundleCheck[] Checks =
    [
        new(1, [5, 0, 99999], [new(7, 3.1415927f), new(3, 1.17549435E-38f), new(4, -0.1f), new(6, -0.1f)], 3.2000000000000006, [7, 1]),
        new(2, [1], [new(0, 1e30f)], -1.5e-300, [0]),
        new(3, [1, 2], [new(9, 0f)], 0, [9, 9, 9, 9, 9, 9, 9, 9]),
        new(3, [1, 3], [new(9, 0f)], 0, [9]),
    ];

    private readonly TestFolder _folder = new();
    private readonly string _bundle;
    private readonly AdapterBundle _written;

    public ChecksFileTests()
    {
        _bundle = _folder.At("bundle");
        _written = AdapterBundle.Write(_bundle, new AdapterFixture(AdapterKind.SharedGate).Read(), new AdapterName("n"), new AdapterVersion("1"), new string('a', 64), Checks);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Write_Checks_ReadBackBitEqual()
    {
        IReadOnlyList<BundleCheck> read = AdapterReader.Open(_bundle, AdapterFixture.Modules).Checks!;

        AssertSame(Checks, read);
        AssertSame(Checks, _written.Checks!);
        Assert.Equal(2, _written.Manifest.FormatVersion);
    }

    [Fact]
    public void Write_BundleOfABundle_HasTheSameFiles()
    {
        Adapter read = AdapterReader.Open(_bundle, AdapterFixture.Modules);

        AdapterBundle second = AdapterBundle.Write(_folder.At("second"), read, new AdapterName("n"), new AdapterVersion("1"), new string('a', 64), read.Checks);

        Assert.Equal(4, Directory.EnumerateFiles(_bundle).Count());
        Assert.All(Directory.EnumerateFiles(_bundle), file => Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(second.Directory, Path.GetFileName(file)))));
    }

    [Fact]
    public void Write_OtherChecks_HaveAnotherContentHash()
    {
        BundleCheck[] other = [.. Checks];
        other[0] = other[0] with { LogSumExp = 3.2 };

        AdapterBundle bundle = AdapterBundle.Write(_folder.At("other"), new AdapterFixture(AdapterKind.SharedGate).Read(), new AdapterName("n"), new AdapterVersion("1"), new string('a', 64), other);

        Assert.NotEqual(_written.Hash, bundle.Hash);
    }

    [Fact]
    public void Write_TaskWithoutACheck_IsRefused()
    {
        var e = Assert.Throws<ArgumentException>(() => AdapterBundle.Write(_folder.At("less"), new AdapterFixture(AdapterKind.SharedGate).Read(), new AdapterName("n"), new AdapterVersion("1"), new string('a', 64), Checks[..2]));

        Assert.Contains("task 3 has no check.", e.Message);
        Assert.False(Directory.Exists(_folder.At("less")));
    }

    [Fact]
    public void Write_MoreThanIsRead_IsRefusedAndLeavesNothing()
    {
        BundleCheck[] checks = [.. Checks, new(1, Enumerable.Repeat(100_000, 700_000).ToArray(), [new(9, 0f)], 0, [9])];

        var e = Assert.Throws<AdapterException>(() => AdapterBundle.Write(_folder.At("large"), new AdapterFixture(AdapterKind.SharedGate).Read(), new AdapterName("n"), new AdapterVersion("1"), new string('a', 64), checks));

        Assert.Contains("use fewer or shorter prompts", Assert.Single(e.Problems));
        Assert.Equal(["bundle"], Directory.EnumerateFileSystemEntries(_folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Open_OneDigitChanged_IsRefused()
    {
        File.WriteAllText(At("checks.json"), File.ReadAllText(At("checks.json")).Replace("99999", "99998", StringComparison.Ordinal));

        Assert.Contains("checks.json has the SHA-256", Assert.Single(Problems()));
    }

    [Fact]
    public void Open_ChecksMissing_IsRefused()
    {
        File.Delete(At("checks.json"));

        Assert.Equal("checks.json is missing.", Assert.Single(Problems()));
    }

    [Fact]
    public void Open_ChecksBesideFormatOne_AreRefused()
    {
        AdapterBundle.Write(_folder.At("plain"), new AdapterFixture(AdapterKind.SharedGate).Read(), new AdapterName("n"), new AdapterVersion("1"), new string('a', 64));
        File.Copy(At("checks.json"), Path.Combine(_folder.At("plain"), "checks.json"));

        var e = Assert.Throws<AdapterException>(() => AdapterBundle.Open(_folder.At("plain")));

        Assert.Equal("'checks.json' does not belong to a bundle of format 1.", Assert.Single(e.Problems));
    }

    [Fact]
    public void Open_FormatTwoMadeFormatOne_IsRefused()
    {
        JsonObject manifest = JsonNode.Parse(File.ReadAllText(At("manifest.json")))!.AsObject();
        manifest["format_version"] = 1;
        File.WriteAllText(At("manifest.json"), manifest.ToJsonString());

        Assert.Contains("'checks.json' is no file of a bundle of format 1.", Problems()[0]);
    }

    [Theory]
    [InlineData("""{}""", "the file must hold")]
    [InlineData("""{"checks": [], "more": 1}""", "the file must hold")]
    [InlineData("""{"checks": []}""", "task 1 has no check.")]
    [InlineData("""{"checks": [1]}""", "check 1 must have task, prompt")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [1], "likeliest": [[1, 2]], "log_sum_exp": 1, "answer": [1], "more": 1}]}""", "check 1 must have task, prompt")]
    [InlineData("""{"checks": [{"task": 4, "prompt": [1], "likeliest": [[1, 2]], "log_sum_exp": 1, "answer": [1]}]}""", "task 4 is not one of")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [], "likeliest": [[1, 2]], "log_sum_exp": 1, "answer": [1]}]}""", "the prompt must have tokens")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [-1], "likeliest": [[1, 2]], "log_sum_exp": 1, "answer": [1]}]}""", "the prompt must have tokens")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [1.5], "likeliest": [[1, 2]], "log_sum_exp": 1, "answer": [1]}]}""", "1.5 is not an id")]
    [InlineData("""{"checks": [{"task": 1, "prompt": "1", "likeliest": [[1, 2]], "log_sum_exp": 1, "answer": [1]}]}""", "String in place of a list")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [1], "likeliest": [[1, 2, 3]], "log_sum_exp": 1, "answer": [1]}]}""", "pairs of a token id and a logit")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [1], "likeliest": [[1, 1e39]], "log_sum_exp": 1, "answer": [1]}]}""", "finite logits of different tokens")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [1], "likeliest": [[1, 2], [1, 1]], "log_sum_exp": 1, "answer": [1]}]}""", "finite logits of different tokens")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [1], "likeliest": [[1, 2], [3, 4]], "log_sum_exp": 1, "answer": [1]}]}""", "not in order")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [1], "likeliest": [[3, 2], [1, 2]], "log_sum_exp": 1, "answer": [3]}]}""", "not in order")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [1], "likeliest": [[1, 2]], "log_sum_exp": 1, "answer": [2]}]}""", "the answer begins with 2")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [1], "likeliest": [[1, 2]], "log_sum_exp": 1, "answer": [1,1,1,1,1,1,1,1,1]}]}""", "1 to 8 tokens")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [1], "likeliest": [[1, 2]], "log_sum_exp": "1", "answer": [1]}]}""", "is not a number")]
    [InlineData("""{"checks": [{"task": 1, "prompt": [1], "likeliest": [[1, 2]], "log_sum_exp": 1e999, "answer": [1]}]}""", "not")]
    public void Read_WrongChecks_AreRefused(string json, string part)
    {
        var problems = new List<string>();
        File.WriteAllText(_folder.At("checks.json"), json);

        Assert.Null(ChecksFile.Read(_folder.At("checks.json"), 3, problems));

        Assert.Contains(problems, problem => problem.StartsWith("checks.json: ", StringComparison.Ordinal) && problem.Contains(part, StringComparison.Ordinal));
    }

    private static void AssertSame(IReadOnlyList<BundleCheck> expected, IReadOnlyList<BundleCheck> actual)
    {
        Assert.Equal(expected.Select(check => (check.TaskId, check.LogSumExp)), actual.Select(check => (check.TaskId, check.LogSumExp)));
        Assert.All(expected.Zip(actual), pair =>
        {
            Assert.Equal(pair.First.Prompt, pair.Second.Prompt);
            Assert.Equal(pair.First.Likeliest, pair.Second.Likeliest);
            Assert.Equal(pair.First.Answer, pair.Second.Answer);
        });
    }

    private string At(string file) => Path.Combine(_bundle, file);

    private IReadOnlyList<string> Problems() => Assert.Throws<AdapterException>(() => AdapterBundle.Open(_bundle)).Problems;
}
