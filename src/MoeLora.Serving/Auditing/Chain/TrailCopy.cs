using MoeLora.Contracts.Auditing;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>Copies a trail while its node may write it. The copy is whole: it holds at least every record that was acknowledged when it was begun.</summary>
internal static class TrailCopy
{
    /// <summary>Copies, then computes the chain of the copy.</summary>
    /// <param name="source">A trail's directory.</param>
    /// <param name="target">A directory, made here.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>What the copy holds.</returns>
    /// <exception cref="IOException">It cannot be read or written.</exception>
    /// <exception cref="AuditTrailException">It is broken.</exception>
    public static AuditVerdict Write(string source, string target, CancellationToken cancellation)
    {
        Directory.CreateDirectory(target);
        // The head first: what is copied later holds all that it acknowledges. The names once: a segment that another one follows is closed, and changes no more.
        AuditHead head = TrailOpening.ReadHead(source) ?? throw new AuditTrailException($"The file 'head' of '{source}' is missing or cannot be read.");
        File.WriteAllBytes(Path.Combine(target, SegmentFiles.HeadFile), AuditWriter.HeadBytes(head));
        List<string> segments = SegmentFiles.List(source);
        foreach (string segment in segments)
        {
            cancellation.ThrowIfCancellationRequested();
            Copy(segment, Path.Combine(target, Path.GetFileName(segment)));
        }

        foreach (string aside in Directory.EnumerateDirectories(source, "broken-*"))
        {
            string kept = Directory.CreateDirectory(Path.Combine(target, Path.GetFileName(aside))).FullName;
            foreach (string file in Directory.EnumerateFiles(aside))
                Copy(file, Path.Combine(kept, Path.GetFileName(file)));
        }

        return Check(target, head, cancellation);
    }

    private static AuditVerdict Check(string target, AuditHead head, CancellationToken cancellation)
    {
        List<string> segments = SegmentFiles.List(target);
        var check = new ChainCheck([head], head.Sequence);
        check.Run(segments, cancellation: cancellation);
        if (check.Problem is null)
            return check.Verdict;
        if (!check.IsTornEnd)
            throw new AuditTrailException($"The audit trail is broken at record {check.BrokenAt}: {check.Problem}");

        // A frame that was being written: nobody was told that it is on record.
        using (FileStream file = new(segments[^1], FileMode.Open, FileAccess.Write))
            file.SetLength(check.GoodLength);
        return check.Verdict with { BrokenAt = null, Problem = null };
    }

    // The node holds its segment open for writing.
    private static void Copy(string source, string target)
    {
        using var from = new FileStream(source, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var to = new FileStream(target, options);
        from.CopyTo(to);
        to.Flush(flushToDisk: true);
    }
}
