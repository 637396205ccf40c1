using System.Text;
using MoeLora.Training.Configuration;

namespace MoeLora.Training.Tests.Configuration;

/// <summary>A configuration file that goes with the test.</summary>
internal sealed class ConfigurationFixture : IDisposable
{
    /// <summary>What every configuration needs.</summary>
    public const string Needed = "model: base\ntrain: train.jsonl\nout: runs/first\n";

    private readonly string _directory = Directory.CreateTempSubdirectory("moelora-configuration-").FullName;

    public ConfigurationFixture(string text)
        : this(Encoding.UTF8.GetBytes(text))
    {
    }

    public ConfigurationFixture(byte[] bytes)
    {
        Path = System.IO.Path.Combine(_directory, "train.yaml");
        File.WriteAllBytes(Path, bytes);
    }

    public string Path { get; }

    /// <summary>Reads the file, and flags as they are written.</summary>
    public ConfigurationReading Read(params (string Key, string Value)[] flags) =>
        ConfigurationReader.Read(Path, flags.Select(flag => (TrainingOptions.All.Single(option => option.Key == flag.Key), OptionValue.OfFlag(flag.Value))));

    /// <summary>Reads a file that must be right.</summary>
    public static TrainingConfiguration Require(string text)
    {
        using var fixture = new ConfigurationFixture(text);
        ConfigurationReading reading = fixture.Read();
        Assert.Empty(reading.Problems);
        return reading.Configuration!;
    }

    /// <summary>The problems of a file, with <c>FILE</c> for its path.</summary>
    public static IReadOnlyList<string> Problems(string text, params (string Key, string Value)[] flags)
    {
        using var fixture = new ConfigurationFixture(text);
        ConfigurationReading reading = fixture.Read(flags);
        Assert.Null(reading.Configuration);
        return [.. reading.Problems.Select(problem => problem.Replace(fixture.Path, "FILE", StringComparison.Ordinal))];
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}
