using MoeLora.Cli.Nodes;

namespace MoeLora.Cli.Tests.Nodes;

/// <summary>What a configuration takes from the environment and from files.</summary>
public sealed class ConfigurationReferencesTests : IDisposable
{
    private const string Variable = "MOELORA_TEST_REFERENCE";

    private readonly TemporaryDirectory _directory = new();

    public ConfigurationReferencesTests() => Environment.SetEnvironmentVariable(Variable, "silo-7");

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(Variable, null);
        _directory.Dispose();
    }

    [Fact]
    public void Value_WithReferences_HoldsWhatTheyNameAndNothingElseOfIt()
    {
        string secret = _directory.File("secret");
        File.WriteAllText(secret, "a${b}$\"' c\r\n");

        Assert.Equal("Host=db;Password=a${b}$\"' c;Application Name=silo-7", ConfigurationReferences.Resolve($"Host=db;Password=${{file:{secret}}};Application Name=${{{Variable}}}"));
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("a$b}{c$", "a$b}{c$")]
    [InlineData("$${" + Variable + "}", "${" + Variable + "}")]
    [InlineData("$${x}${" + Variable + "}$${y", "${x}silo-7${y")]
    public void Value_WithEscapes_KeepsThem(string value, string expected) => Assert.Equal(expected, ConfigurationReferences.Resolve(value));

    [Theory]
    [InlineData("${MOELORA_TEST_NOT_SET}", "there is no environment variable 'MOELORA_TEST_NOT_SET'")]
    [InlineData("${file:/nowhere/secret}", "the file cannot be read")]
    [InlineData("a ${MOELORA", "'${MOELORA' has no closing brace")]
    public void Value_WithReferenceToNothing_IsRefusedByItsLine(string value, string problem)
    {
        CommandException refused = Assert.Throws<CommandException>(() => Read($"state: /state\nname: \"{value}\"\nbases: []\n"));

        Assert.Contains("node.yaml:2: ", refused.Message, StringComparison.Ordinal);
        Assert.Contains(problem, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reference_ThatStandsForDigits_IsText()
    {
        Environment.SetEnvironmentVariable(Variable, "17");

        Assert.Equal("17", Read($"state: /state\nname: ${{{Variable}}}\nbases: []\n").Name);
    }

    private NodeSettings Read(string yaml)
    {
        string file = _directory.File("node.yaml");
        File.WriteAllText(file, yaml);
        return NodeFile.Read(file);
    }
}
