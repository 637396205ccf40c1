using Microsoft.Extensions.Options;

namespace MoeLora.Grid.Silos;

/// <summary>How a silo tells the others about itself.</summary>
public sealed class AnnouncementOptions
{
    /// <summary>How often. 50 ms to 10 s.</summary>
    public TimeSpan Period { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a silo that stops waits for the answers of its task grains before they go on elsewhere. 0 to 10 minutes.</summary>
    public TimeSpan DrainDeadline { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Everything that is wrong, each a sentence that says how to mend it; empty when nothing is.</summary>
    public IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>();
        if (Period < TimeSpan.FromMilliseconds(50) || Period > TimeSpan.FromSeconds(10))
            problems.Add("The period of announcements must be between 50 ms and 10 s.");
        if (DrainDeadline < TimeSpan.Zero || DrainDeadline > TimeSpan.FromMinutes(10))
            problems.Add("The deadline for draining a silo must be between 0 and 10 minutes.");
        return problems;
    }
}

/// <summary>Refuses to start a silo with <see cref="AnnouncementOptions"/> that cannot be used.</summary>
internal sealed class AnnouncementOptionsValidator(IOptions<AnnouncementOptions> options) : IConfigurationValidator
{
    public void ValidateConfiguration()
    {
        if (options.Value.FindProblems() is { Count: > 0 } problems)
            throw new OrleansConfigurationException(string.Join(" ", problems));
    }
}
