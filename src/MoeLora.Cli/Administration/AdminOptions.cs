using System.CommandLine;

namespace MoeLora.Cli.Administration;

/// <summary>Which node a command is for, and as whom.</summary>
internal sealed class AdminOptions
{
    /// <summary>The environment variable that holds the key.</summary>
    public const string KeyVariable = "MOELORA_KEY";

    private readonly Option<string> _node = new("--node")
    {
        Description = "The node's administration address.",
        HelpName = "URL",
        DefaultValueFactory = _ => "http://127.0.0.1:8081",
    };

    // A key on the command line would be seen by every user of the machine.
    private readonly Option<string?> _keyFile = new("--key-file") { Description = $"File with the API key; the environment variable {KeyVariable} otherwise.", HelpName = "FILE" };

    public void AddTo(Command command)
    {
        command.Add(_node);
        command.Add(_keyFile);
    }

    public IEnumerable<string> FindProblems(ParseResult parsed)
    {
        if (parsed.GetValue(_keyFile) is { } file && !File.Exists(file))
            yield return $"--key-file: there is no file '{file}'.";
        else if (parsed.GetValue(_keyFile) is null && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(KeyVariable)))
            yield return $"Give an API key: --key-file FILE, or the environment variable {KeyVariable}.";
        if (!Uri.TryCreate(parsed.GetRequiredValue(_node), UriKind.Absolute, out Uri? node) || node.Scheme is not ("http" or "https"))
            yield return $"--node: '{parsed.GetRequiredValue(_node)}' is not an address such as http://127.0.0.1:8081.";
    }

    public AdminClient Connect(ParseResult parsed) => new(
        new Uri(parsed.GetRequiredValue(_node)),
        (parsed.GetValue(_keyFile) is { } file ? File.ReadAllText(file) : Environment.GetEnvironmentVariable(KeyVariable)!).Trim());
}
