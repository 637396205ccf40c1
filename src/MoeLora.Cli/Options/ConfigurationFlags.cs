using System.CommandLine;
using MoeLora.Training.Configuration;

namespace MoeLora.Cli.Options;

/// <summary>A flag for every option of a training configuration, from their table, and the file that the flags override.</summary>
internal sealed class ConfigurationFlags
{
    private readonly Option<string?> _file = new("--config") { Description = "A YAML or JSON file of options, under their names with underscores; flags override it.", HelpName = "FILE" };
    private readonly List<(ConfigurationOption Option, Option<string?> Flag)> _flags = [.. TrainingOptions.All.Select(option => (option, Flag(option)))];

    /// <summary>Offers the options.</summary>
    public void AddTo(Command command)
    {
        command.Add(_file);
        foreach ((_, Option<string?> flag) in _flags)
            command.Add(flag);
    }

    /// <summary>Reads file and flags.</summary>
    public ConfigurationReading Read(ParseResult parsed) => ConfigurationReader.Read(
        parsed.GetValue(_file),
        from flag in _flags
        where parsed.GetResult(flag.Flag) is { Implicit: false }
        select (flag.Option, OptionValue.OfFlag(parsed.GetValue(flag.Flag) ?? "true")));

    private static Option<string?> Flag(ConfigurationOption option)
    {
        string condition = option.Condition is null ? "" : $" For {option.Condition}.";
        string preset = option.DefaultText is null || option.IsSwitch ? "" : $" [default: {option.DefaultText}]";
        return new Option<string?>(option.Flag)
        {
            Description = option.Description + condition + preset,
            HelpName = option.IsSwitch ? null : option.HelpName,
            Arity = option.IsSwitch ? ArgumentArity.ZeroOrOne : ArgumentArity.ExactlyOne,
        };
    }
}
