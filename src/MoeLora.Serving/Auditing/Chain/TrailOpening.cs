using System.Globalization;
using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>Finds where a trail ends when it is opened, and mends or refuses what a crash or somebody left.</summary>
internal static class TrailOpening
{
    /// <summary>Looks at the files.</summary>
    /// <param name="options">Where they are; valid.</param>
    /// <param name="volume">Their disk.</param>
    /// <returns>The end of the chain; what was mended, to be the next record, null for nothing; and the ends of answers that a kill left without one, to be records too.</returns>
    /// <exception cref="AuditTrailException">The chain is broken, or another node's.</exception>
    public static (ChainEnd End, AuditEntry? Mended, IReadOnlyList<AuditEntry> Interrupted) Find(AuditTrailOptions options, AuditVolume volume)
    {
        foreach (string unfinished in Directory.EnumerateFiles(options.Directory, "*" + AuditVolume.Unfinished))
            File.Delete(unfinished);
        List<string> segments = SegmentFiles.List(options.Directory);
        AuditHead? head = ReadHead(options.Directory);
        if (segments.Count == 0 && head is null)
        {
            WriteHead(options, volume, AuditHead.Empty);
            return (Nothing(0, new byte[32]), null, []);
        }

        var check = new ChainCheck(head is null ? [] : [head], head?.Sequence ?? 0);
        check.Run(segments, closedBySealOnly: !options.VerifyWholeChainAtStart);
        if (check.Node is { } node && node != options.Node)
            throw new AuditTrailException($"The audit trail is of node '{node}', and this node is '{options.Node}'. Give each node a directory of its own.");

        string? problem = check.Problem ?? (head is null ? "the file 'head' is missing or unreadable, so that nobody can tell whether the end was cut off." : null);
        if (problem is null)
            return (End(check, segments), null, Interrupted(check));
        if (check.IsTornEnd && head is not null)
        {
            long cut = new FileInfo(segments[^1]).Length - check.GoodLength;
            return (End(check, segments), new AuditEntry
            {
                Action = AuditAction.Audit,
                Succeeded = true,
                Detail = "torn_end_cut",
                Target = string.Create(CultureInfo.InvariantCulture, $"{cut} bytes after record {check.Last}, never acknowledged"),
            }, Interrupted(check));
        }

        if (!options.ContinueBrokenChain)
        {
            throw new AuditTrailException(
                $"The audit trail is broken at record {check.BrokenAt ?? check.Last}: {problem} Keep its files as they are and find out why. " +
                "To go on with a new chain, which moves them aside and records that, run 'moelora audit continue'.");
        }

        return (SetAside(options, volume, segments, check, head), new AuditEntry
        {
            Action = AuditAction.Audit,
            Succeeded = false,
            Detail = "broken_chain_continued",
            Target = string.Create(CultureInfo.InvariantCulture, $"broken at record {check.BrokenAt ?? check.Last}"),
        }, []); // nobody knows what ended behind the break
    }

    /// <summary>The head that is kept in a directory; null where there is none that can be read.</summary>
    public static AuditHead? ReadHead(string directory)
    {
        string path = Path.Combine(directory, SegmentFiles.HeadFile);
        return File.Exists(path) ? AuditHead.TryParse(File.ReadAllText(path)) : null;
    }

    private static IReadOnlyList<AuditEntry> Interrupted(ChainCheck check) =>
        [.. check.Open.Select(begun => begun with { Succeeded = false, Detail = AuditEntry.Interrupted })];

    private static ChainEnd Nothing(long last, byte[] lastHash) => new("", 0, Closed: true, last, lastHash);

    private static ChainEnd End(ChainCheck check, List<string> segments)
    {
        if (segments.Count == 0)
            return Nothing(0, new byte[32]);
        using var reader = new SegmentReader(segments[^1]);
        return new ChainEnd(segments[^1], check.GoodLength, check.IsClosed, check.Last, check.LastHash)
        {
            Created = reader.Header.Created,
            Earliest = check.Times.Earliest,
            Latest = check.Times.Latest,
        };
    }

    private static ChainEnd SetAside(AuditTrailOptions options, AuditVolume volume, List<string> segments, ChainCheck check, AuditHead? head)
    {
        string aside = Path.Combine(options.Directory, "broken-" + options.Time.GetUtcNow().ToString("yyyyMMdd'T'HHmmssfff", CultureInfo.InvariantCulture));
        Directory.CreateDirectory(aside);
        foreach (string segment in segments)
            File.Move(segment, Path.Combine(aside, Path.GetFileName(segment)));

        // No place of the old chain is given out again, as far as is known.
        long last = Math.Max(check.Last, head?.Sequence ?? 0);
        string path = Path.Combine(options.Directory, SegmentFiles.HeadFile);
        if (File.Exists(path))
            File.Copy(path, Path.Combine(aside, SegmentFiles.HeadFile));
        WriteHead(options, volume, new AuditHead(last, check.Head.Hash));
        return Nothing(last, check.LastHash);
    }

    private static void WriteHead(AuditTrailOptions options, AuditVolume volume, AuditHead head)
    {
        string path = Path.Combine(options.Directory, SegmentFiles.HeadFile);
        volume.Prepare(path, AuditWriter.HeadBytes(head), 0);
        volume.Publish(path);
    }
}
