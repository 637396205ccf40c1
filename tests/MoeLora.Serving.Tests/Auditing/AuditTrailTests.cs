using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Auditing.Chain;

namespace MoeLora.Serving.Tests.Auditing;

public sealed class AuditTrailTests : IDisposable
{
    private readonly TrailFolder _folder = new();

    [Fact]
    public async Task Append_EveryField_IsReadBackAsItWas()
    {
        AuditEntry[] entries =
        [
            new() { Action = AuditAction.Node, Succeeded = true, Detail = "start" },
            TrailFolder.Entry(5) with { Target = "Ärztin 医生 🩺", AnswerHash = new string('2', 64), Count = 7 },
            TrailFolder.Entry(6) with { BegunTokens = 300 },
        ];
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options);
        foreach (AuditEntry entry in entries)
            await trail.AppendAsync(entry);

        AuditRecord[] records = [.. await ReadAsync(trail, new AuditQuery())];

        Assert.Equal(entries, records.Select(record => record.Entry));
        Assert.Equal([1L, 2L, 3L], records.Select(record => record.Sequence));
        Assert.All(records, record => Assert.Equal("node-1", record.Node));
        Assert.Equal(AuditHead.Empty.Hash, records[0].PreviousHash);
        Assert.Equal(records[0].Hash, records[1].PreviousHash);
        Assert.Equal(trail.Head, new AuditHead(3, records[2].Hash));
    }

    [Fact]
    public async Task Append_ManyAtOnce_AllAreInTheChainOnce()
    {
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options with { SegmentBytes = 1 << 16 });
        await Task.WhenAll(Enumerable.Range(0, 16).Select(lane => Task.Run(async () =>
        {
            for (int i = 0; i < 100; i++)
                await trail.AppendAsync(TrailFolder.Entry((lane * 100) + i));
        })));

        List<AuditRecord> records = await ReadAsync(trail, new AuditQuery());
        Assert.Equal(Enumerable.Range(1, 1600).Select(i => (long)i), records.Select(record => record.Sequence));
        Assert.Equal(1600, records.Select(record => record.Entry.RequestId).Distinct().Count());
        Assert.Null((await trail.VerifyAsync()).Problem);
    }

    [Fact]
    public async Task Open_AgainAndAgain_ContinuesOneChainOverSegments()
    {
        for (int i = 0; i < 5; i++)
            await _folder.WriteAsync(20, first: 1 + (i * 20));

        AuditVerdict verdict = AuditFiles.Verify([_folder.Path]);
        Assert.Null(verdict.Problem);
        Assert.Equal((100, 1, 100), (verdict.Records, verdict.FirstSequence, verdict.LastSequence));
        Assert.True(_folder.Segments.Count > 5, $"{_folder.Segments.Count} segments");
    }

    [Fact]
    public async Task Read_Query_GivesWhatItAsksFor()
    {
        await _folder.WriteAsync(60);
        List<AuditRecord> all = [.. AuditFiles.Read([_folder.Path], new AuditQuery())];

        Assert.Equal([59L, 60L], Read(new AuditQuery { After = 58 }).Select(record => record.Sequence));
        Assert.Equal([1L, 2L, 3L], Read(new AuditQuery { Limit = 3 }).Select(record => record.Sequence));
        Assert.Equal(15, Read(new AuditQuery { Tenant = TenantId.Parse("clinic-2") }).Count);
        Assert.Empty(Read(new AuditQuery { Action = AuditAction.Rollout }));
        Assert.Equal(all.Where(record => record.At >= all[30].At), Read(new AuditQuery { From = all[30].At }));
        Assert.Equal(all.Where(record => record.At < all[30].At), Read(new AuditQuery { Until = all[30].At }));

        List<AuditRecord> Read(AuditQuery query) => [.. AuditFiles.Read([_folder.Path], query)];
    }

    [Fact]
    public async Task Open_WhileOpen_IsRefused()
    {
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options);
        await Assert.ThrowsAsync<AuditTrailException>(() => AuditTrail.OpenAsync(_folder.Options));
    }

    [Fact]
    public async Task Open_TrailOfAnotherNode_IsRefused()
    {
        await _folder.WriteAsync(1);
        AuditTrailException e = await Assert.ThrowsAsync<AuditTrailException>(() => AuditTrail.OpenAsync(_folder.Options with { Node = "node-2" }));
        Assert.Contains("'node-1'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Append_TextTooLong_IsRefused()
    {
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options);
        await Assert.ThrowsAsync<ArgumentException>(async () => await trail.AppendAsync(TrailFolder.Entry(1) with { Subject = new string('x', 4097) }));
        await trail.AppendAsync(TrailFolder.Entry(1) with { Subject = new string('x', 4096) });
        Assert.Equal(1, trail.Head.Sequence);
    }

    [Fact]
    public async Task Append_HalfASurrogatePair_IsWrittenAsReplacement()
    {
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options);
        await trail.AppendAsync(TrailFolder.Entry(1) with { Target = "\ud83e" });
        Assert.Equal("\ufffd", (await ReadAsync(trail, new AuditQuery()))[0].Entry.Target);
        Assert.Null((await trail.VerifyAsync()).Problem);
    }

    [Fact]
    public async Task Append_SegmentOld_BeginsTheNext()
    {
        var time = new ManualTime();
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options with { Time = time, SegmentAge = TimeSpan.FromDays(1) });
        await trail.AppendAsync(TrailFolder.Entry(1));
        time.Advance(TimeSpan.FromDays(1));
        await trail.AppendAsync(TrailFolder.Entry(2));
        Assert.Equal(2, _folder.Segments.Count);
        Assert.Equal(1, SegmentReader.ReadSeal(_folder.Segments[0])!.Last);
    }

    [Fact]
    public async Task Append_AfterDispose_IsRefused()
    {
        AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options);
        await trail.DisposeAsync();
        await Assert.ThrowsAsync<AuditUnavailableException>(async () => await trail.AppendAsync(TrailFolder.Entry(1)));
    }

    [Fact]
    public async Task Files_AreTheOwnersOnly()
    {
        if (OperatingSystem.IsWindows())
            return;
        await _folder.WriteAsync(1);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_folder.Segments[0]));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_folder.Path, "head")));
    }

    public void Dispose() => _folder.Dispose();

    private static async Task<List<AuditRecord>> ReadAsync(AuditTrail trail, AuditQuery query)
    {
        var records = new List<AuditRecord>();
        await foreach (AuditRecord record in trail.ReadAsync(query))
            records.Add(record);
        return records;
    }
}
