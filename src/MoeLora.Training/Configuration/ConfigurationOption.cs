using System.Text.Json.Nodes;

namespace MoeLora.Training.Configuration;

/// <summary>One option of a <see cref="TrainingConfiguration"/>: its key in files, its flag, its help, and how it is read and written.</summary>
public sealed class ConfigurationOption
{
    private readonly Func<TrainingConfiguration, JsonNode?> _get;
    private readonly Setter _set;

    private ConfigurationOption(string key, string description, string helpName, bool isSwitch, Func<TrainingConfiguration, JsonNode?> get, Setter set)
    {
        (Key, Description, HelpName, IsSwitch) = (key, description, helpName, isSwitch);
        (_get, _set) = (get, set);
    }

    private delegate string? Setter(ref TrainingConfiguration configuration, OptionValue value);

    /// <summary>Its key in configuration files, in snake case.</summary>
    public string Key { get; }

    /// <summary>Its flag on the command line.</summary>
    public string Flag => "--" + Key.Replace('_', '-');

    /// <summary>For the help, without the default.</summary>
    public string Description { get; }

    /// <summary>What stands for the value in the help.</summary>
    public string HelpName { get; }

    /// <summary>Whether it is true or false, and its flag alone means true.</summary>
    public bool IsSwitch { get; }

    /// <summary>Whether a run that is resumed may have another value: it changes nothing of what was trained so far.</summary>
    public bool MayChange { get; init; }

    /// <summary>When it means anything, in words; null when it always does.</summary>
    public string? Condition { get; init; }

    /// <summary>Whether it means anything in a configuration.</summary>
    public Func<TrainingConfiguration, bool> Applies { get; init; } = _ => true;

    /// <summary>The value that it has when it is not given, as it is written; null when it has none.</summary>
    public string? DefaultText => _get(new TrainingConfiguration()) is { } value && value.ToString() is { Length: > 0 } text ? text : null;

    /// <summary>The value in a configuration, as JSON.</summary>
    public JsonNode? Get(TrainingConfiguration configuration) => _get(configuration);

    /// <summary>Puts a value into a configuration.</summary>
    /// <returns>What is wrong with it, beginning with the key; null when it was put.</returns>
    public string? Set(ref TrainingConfiguration configuration, OptionValue value) => _set(ref configuration, value);

    internal static ConfigurationOption Of<T>(
        string key, ValueKind<T> kind, Func<TrainingConfiguration, T> get, Func<TrainingConfiguration, T, TrainingConfiguration> set, string description,
        string? helpName = null, bool mayChange = false, string? condition = null, Func<TrainingConfiguration, bool>? applies = null) =>
        new(
            key,
            description,
            helpName ?? kind.HelpName,
            typeof(T) == typeof(bool),
            configuration => kind.Write(get(configuration)),
            (ref TrainingConfiguration configuration, OptionValue value) =>
            {
                if (!kind.Read(value, out T result))
                    return $"{key} is {value.Text}; it must be {kind.Wanted}.";
                configuration = set(configuration, result);
                return null;
            })
        {
            MayChange = mayChange,
            Condition = condition,
            Applies = applies ?? (_ => true),
        };
}
