using System.CommandLine;
using MoeLora.Cli.Nodes;
using MoeLora.Cli.Terminals;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;

namespace MoeLora.Cli;

/// <summary>What a program has beyond <c>moelora</c>, which has nothing of it.</summary>
internal sealed record ProgramExtensions
{
    /// <summary>How the program is called.</summary>
    public string Name { get; init; } = "moelora";

    /// <summary>Commands of its own.</summary>
    public Func<Terminal, IEnumerable<Command>> Commands { get; init; } = _ => [];

    /// <summary>Reads the configuration of what it runs: a node's, or one that says more.</summary>
    public Func<string, NodeSettings> ReadConfiguration { get; init; } = NodeFile.Read;

    /// <summary>Tokenizers that it reads besides <c>tokenizer.json</c>.</summary>
    public IReadOnlyList<ITokenizerFormat> Tokenizers { get; init; } = [];

    /// <summary>Kinds of devices that it has besides the process's own cores, by the names of <see cref="DeviceKinds"/>.</summary>
    public IReadOnlyDictionary<string, Func<DeviceRequest, Device>> Devices { get; init; } = new Dictionary<string, Func<DeviceRequest, Device>>();

    /// <summary>Tells the rooms below, for this process; once or again.</summary>
    public void Register()
    {
        foreach (ITokenizerFormat format in Tokenizers)
            TokenizerReader.Add(format);
        foreach ((string kind, Func<DeviceRequest, Device> open) in Devices)
            DeviceKinds.Add(kind, open);
    }
}
