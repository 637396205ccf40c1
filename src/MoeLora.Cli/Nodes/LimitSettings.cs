namespace MoeLora.Cli.Nodes;

/// <summary>What one connection and one request may cost, on both listeners.</summary>
internal sealed record LimitSettings
{
    private const double MostSeconds = 3600;

    /// <summary>Largest JSON body.</summary>
    public int BodyKb { get; init; } = 1024;

    /// <summary>Largest head of a request.</summary>
    public int HeaderKb { get; init; } = 32;

    /// <summary>Most connections of each listener.</summary>
    public int Connections { get; init; } = 1000;

    /// <summary>In which a head must be there.</summary>
    public double HeaderSeconds { get; init; } = 15;

    /// <summary>In which a JSON body must be there.</summary>
    public double BodySeconds { get; init; } = 30;

    /// <summary>After which an idle connection is closed.</summary>
    public double IdleSeconds { get; init; } = 120;

    /// <summary>All that is wrong, by the file's keys.</summary>
    public IEnumerable<string> FindProblems()
    {
        foreach ((string key, int value, int most) in ((string, int, int)[])[("body_kb", BodyKb, 1 << 20), ("header_kb", HeaderKb, 1 << 10), ("connections", Connections, 1_000_000)])
        {
            if (value < 1 || value > most)
                yield return $"limits.{key}: must be between 1 and {most}.";
        }

        foreach ((string key, double value) in ((string, double)[])[("header_seconds", HeaderSeconds), ("body_seconds", BodySeconds), ("idle_seconds", IdleSeconds)])
        {
            if (!(value is > 0 and <= MostSeconds))
                yield return $"limits.{key}: must be above 0 and at most {MostSeconds}.";
        }
    }
}
