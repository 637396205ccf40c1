namespace MoeLora.Training.Configuration;

/// <summary>A configuration that was read, or what is wrong with it.</summary>
/// <param name="Configuration">Null when there are problems.</param>
/// <param name="Problems">All of them, with file and line or flag.</param>
public sealed record ConfigurationReading(TrainingConfiguration? Configuration, IReadOnlyList<string> Problems);

/// <summary>Reads configurations from a file and from flags that override it.</summary>
public static class ConfigurationReader
{
    /// <summary>Reads and checks a configuration; everything that is wrong is found at once.</summary>
    /// <param name="path">A YAML or JSON file of keys and values; null takes flags only.</param>
    /// <param name="flags">What was given on the command line.</param>
    public static ConfigurationReading Read(string? path, IEnumerable<(ConfigurationOption Option, OptionValue Value)> flags)
    {
        var problems = new List<string>();
        var places = new Dictionary<string, string>(StringComparer.Ordinal);
        var wrong = new HashSet<string>(StringComparer.Ordinal);
        var configuration = new TrainingConfiguration();
        foreach (ConfigurationEntry entry in path is null ? [] : ConfigurationFile.Read(path, problems))
        {
            string place = $"{path}:{entry.Line}";
            if (TrainingOptions.All.FirstOrDefault(option => option.Key == entry.Key) is { } option)
                Take(option, entry.Value, place);
            else
                problems.Add($"{place}: there is no option {entry.Key}{Suggest(entry.Key)}");
        }

        foreach ((ConfigurationOption option, OptionValue value) in flags)
            Take(option, value, option.Flag);
        foreach (ConfigurationOption option in TrainingOptions.All)
        {
            if (places.TryGetValue(option.Key, out string? place) && !wrong.Contains(option.Key) && !wrong.Contains("method") && !wrong.Contains("sampler") && !option.Applies(configuration))
                problems.Add($"{place}: {option.Key} is for {option.Condition}; leave it out.");
        }

        // Messages begin with the option's key, which leads to where it was written.
        foreach (string problem in configuration.FindProblems())
        {
            string key = problem.Split(' ')[0];
            if (!wrong.Contains(key))
                problems.Add(places.TryGetValue(key, out string? place) ? $"{place}: {problem}" : problem);
        }

        return new ConfigurationReading(problems.Count == 0 ? configuration : null, problems);

        void Take(ConfigurationOption option, OptionValue value, string place)
        {
            places[option.Key] = place;
            if (option.Set(ref configuration, value) is not { } problem)
                return;
            wrong.Add(option.Key);
            problems.Add($"{place}: {problem}");
        }
    }

    // A slip of a hand is answered with the word that was probably meant.
    private static string Suggest(string key)
    {
        string flat = Flat(key);
        return TrainingOptions.All.FirstOrDefault(option => Flat(option.Key) == flat || Flat(option.Key).StartsWith(flat, StringComparison.Ordinal)) is { } meant
            ? $"; did you mean {meant.Key}?"
            : $"; there are {string.Join(", ", TrainingOptions.All.Select(option => option.Key))}.";
    }

    private static string Flat(string key) => key.Replace("-", "").Replace("_", "").ToLowerInvariant();
}
