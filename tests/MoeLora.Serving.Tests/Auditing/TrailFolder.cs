using Microsoft.Win32.SafeHandles;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Auditing.Chain;

namespace MoeLora.Serving.Tests.Auditing;

/// <summary>A directory for one trail, and what tests do to it.</summary>
/// <param name="onDisk">On a disk in any case, for what is measured.</param>
internal sealed class TrailFolder(bool onDisk = false) : IDisposable
{
    public string Path { get; } = onDisk ? Directory.CreateTempSubdirectory("moelora-audit-").FullName : TemporaryDirectory.Make("moelora-audit-");

    public AuditTrailOptions Options => new() { Directory = Path, Node = "node-1", SegmentBytes = 4096 };

    public IReadOnlyList<string> Segments => SegmentFiles.List(Path);

    public static AuditEntry Entry(int i) => new()
    {
        Action = AuditAction.Generate,
        Succeeded = i % 3 != 0,
        Tenant = TenantId.Parse("clinic-" + (i % 4)),
        Subject = "k" + i,
        Detail = "answered",
        RequestId = "req-" + i,
        Bank = "med",
        TaskName = "entities",
        Version = "1.2.0",
        BundleHash = "sha256:" + new string('b', 64),
        BaseModelHash = "sha256:" + new string('a', 64),
        PromptTokens = i,
        CompletionTokens = i % 2 == 0 ? i + 1 : null,
        PromptHash = new string('1', 64),
    };

    /// <summary>A trail of so many records, each in a commit of its own, closed again.</summary>
    public async Task<AuditHead> WriteAsync(int records, int first = 1)
    {
        await using AuditTrail trail = await AuditTrail.OpenAsync(Options);
        for (int i = first; i < first + records; i++)
            await trail.AppendAsync(Entry(i));
        return trail.Head;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>A disk that fails when it is told to, as a full one does.</summary>
internal sealed class FailingVolume : AuditVolume
{
    /// <summary>No more room for new files.</summary>
    public volatile bool NoNewFiles;

    /// <summary>No more room in files; half of what is to be written still gets there.</summary>
    public volatile bool Full;

    public override void Prepare(string path, ReadOnlySpan<byte> content, long reserve)
    {
        if (NoNewFiles || Full)
            throw new IOException("No space left on device");
        base.Prepare(path, content, reserve);
    }

    public override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset)
    {
        base.Write(file, Full ? bytes[..(bytes.Length / 2)] : bytes, offset);
        if (Full)
            throw new IOException("No space left on device");
    }
}
