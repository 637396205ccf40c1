using MoeLora.Contracts.Auditing;
using MoeLora.Serving.Auditing.Chain;

namespace MoeLora.Serving.Auditing;

/// <summary>Reads and verifies the files of a trail without the node that wrote them.</summary>
public static class AuditFiles
{
    /// <summary>Computes a whole chain again.</summary>
    /// <param name="directories">Where its segments are: the trail's own directory and those that older segments were moved to, in any order.</param>
    /// <param name="kept">A head that was kept elsewhere: shows whether the trail was cut before it, or written anew. Null for none.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <exception cref="IOException">The files cannot be read.</exception>
    /// <exception cref="AuditTrailException">There is no trail.</exception>
    public static AuditVerdict Verify(IReadOnlyList<string> directories, AuditHead? kept = null, CancellationToken cancellation = default)
    {
        List<string> segments = Segments(directories);
        AuditHead[] heads = [.. directories.Select(TrailOpening.ReadHead).OfType<AuditHead>(), .. kept is null ? [] : (AuditHead[])[kept]];
        if (segments.Count == 0 && heads.Length == 0)
            throw new AuditTrailException("There is no audit trail here: neither a segment nor a file 'head'.");
        var check = new ChainCheck(heads, heads.Select(head => head.Sequence).DefaultIfEmpty().Max());
        check.Run(segments, cancellation: cancellation);
        AuditVerdict verdict = check.Verdict;
        return check.IsTornEnd
            ? verdict with { Problem = verdict.Problem + " Nothing behind it was acknowledged: the node crashed while it wrote, and cuts this off when it starts." }
            : verdict;
    }

    /// <summary>Records in the order of the chain, as far as the chain is whole.</summary>
    /// <param name="directories">As for <see cref="Verify"/>.</param>
    /// <param name="query">Which.</param>
    /// <exception cref="IOException">The files cannot be read.</exception>
    /// <exception cref="AuditTrailException">The chain is broken at a record that was to be read.</exception>
    public static IEnumerable<AuditRecord> Read(IReadOnlyList<string> directories, AuditQuery query) => Read(Segments(directories), query, null);

    internal static IEnumerable<AuditRecord> Read(List<string> segments, AuditQuery query, long? lastLimit)
    {
        int left = query.Limit ?? int.MaxValue;
        for (int i = 0; i < segments.Count && left > 0; i++)
        {
            bool isLast = i == segments.Count - 1;
            if (!isLast && SegmentReader.ReadSeal(segments[i]) is { } seal
                && (seal.Last <= query.After || seal.Latest < query.From || seal.Earliest >= query.Until))
                continue;
            using SegmentReader reader = Open(segments[i], isLast ? lastLimit : null);
            while (left > 0 && reader.TryRead(out AuditRecord? record))
            {
                if (!Matches(record, query))
                    continue;
                left--;
                yield return record;
            }

            if (left > 0 && reader.Problem is { } broken)
                throw new AuditTrailException($"The audit trail is broken in segment {Path.GetFileName(segments[i])}, byte {reader.Position}: {broken}.");
        }
    }

    private static List<string> Segments(IReadOnlyList<string> directories)
    {
        foreach (string directory in directories)
        {
            if (!Directory.Exists(directory))
                throw new AuditTrailException($"There is no directory '{directory}'.");
        }

        return SegmentFiles.List(directories.Distinct(StringComparer.Ordinal));
    }

    private static SegmentReader Open(string path, long? limit)
    {
        try
        {
            return new SegmentReader(path, limit);
        }
        catch (FormatException e)
        {
            throw new AuditTrailException($"Segment {Path.GetFileName(path)} of the audit trail cannot be read: {e.Message}.", e);
        }
    }

    private static bool Matches(AuditRecord record, AuditQuery query) =>
        record.Sequence > query.After
        && (query.From is null || record.At >= query.From)
        && (query.Until is null || record.At < query.Until)
        && (query.Tenant is null || record.Entry.Tenant == query.Tenant)
        && (query.Action is null || record.Entry.Action == query.Action);
}
