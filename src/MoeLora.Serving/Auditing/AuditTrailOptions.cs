namespace MoeLora.Serving.Auditing;

/// <summary>Where a node keeps its audit trail, and how.</summary>
public sealed record AuditTrailOptions
{
    /// <summary>The trail's own directory; made when it is not there. No other program writes to it.</summary>
    public required string Directory { get; init; }

    /// <summary>The node's name, 1 to 255 bytes in UTF-8. A directory belongs to one node for ever.</summary>
    public required string Node { get; init; }

    /// <summary>A segment is closed when it holds so many bytes; their room is reserved when it is begun. 4 KiB to 1 GiB.</summary>
    public long SegmentBytes { get; init; } = 16 << 20;

    /// <summary>A segment is closed when it is so old, with the next record.</summary>
    public TimeSpan SegmentAge { get; init; } = TimeSpan.FromDays(7);

    /// <summary>
    /// Computes the whole chain when the trail is opened, at about a million records in some seconds. Otherwise only the last segment and
    /// what links the others; an answer that began in an older segment and was interrupted gets no end then.
    /// </summary>
    public bool VerifyWholeChainAtStart { get; init; } = true;

    /// <summary>
    /// Begins anew where the trail is broken instead of refusing to start: all files are moved to a folder <c>broken-…</c> beside them, and the new
    /// chain continues the count and the last good hash with a record that tells where the old one is broken.
    /// </summary>
    public bool ContinueBrokenChain { get; init; }

    /// <summary>Where the time comes from.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>All that is wrong with these options, each a sentence; empty when nothing is.</summary>
    public IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>();
        if (string.IsNullOrEmpty(Directory))
            problems.Add("The audit trail's directory must be given.");
        if (System.Text.Encoding.UTF8.GetByteCount(Node) is < 1 or > 255)
            problems.Add("The audit trail's node must have a name of 1 to 255 bytes.");
        if (SegmentBytes is < 4096 or > 1 << 30)
            problems.Add("The audit trail's segment bytes must be between 4096 and 1073741824.");
        if (SegmentAge <= TimeSpan.Zero)
            problems.Add("The audit trail's segment age must be above zero.");
        return problems;
    }
}

/// <summary>The trail cannot be opened: it is broken, another process writes to it, or it belongs to another node.</summary>
public sealed class AuditTrailException(string message, Exception? inner = null) : Exception(message, inner);
