namespace MoeLora.Adapters.Bundles;

/// <summary>How large a bundle may be that comes from elsewhere.</summary>
public sealed record BundleLimits
{
    /// <summary>Largest archive in bytes, below 4 GiB: longer ZIP archives have another form, which is not read. 2 GiB.</summary>
    public long ArchiveBytes { get; init; } = 2L << 30;

    /// <summary>Largest weight file in bytes. 2 GiB.</summary>
    public long WeightBytes { get; init; } = 2L << 30;

    /// <summary>Largest other file in bytes. 64 MiB.</summary>
    public long TextBytes { get; init; } = 64L << 20;

    /// <summary>How many times its packed size a file may have; files up to 1 MiB are let pass. 100.</summary>
    public int Ratio { get; init; } = 100;

    /// <summary>All that is wrong with these limits; empty when nothing is.</summary>
    public IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>();
        if (ArchiveBytes is < 1 or >= 1L << 32)
            problems.Add("A bundle's archive may have at least 1 byte and less than 4 GiB.");
        if (WeightBytes < 1 || TextBytes < 1 || Ratio < 1)
            problems.Add("The limits of a bundle's files must be at least 1.");
        return problems;
    }
}

/// <summary>A bundle is larger than the limits allow.</summary>
/// <param name="message">What is too large, and the limit.</param>
public sealed class BundleTooLargeException(string message) : Exception(message);
