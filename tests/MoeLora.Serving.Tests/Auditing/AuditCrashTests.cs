using MoeLora.Contracts.Auditing;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Auditing.Chain;

namespace MoeLora.Serving.Tests.Auditing;

/// <summary>What a crash leaves behind, and a full disk.</summary>
public sealed class AuditCrashTests : IDisposable
{
    private readonly TrailFolder _folder = new();

    [Fact]
    public async Task Open_EndTornAnywhere_IsCutAndSaid()
    {
        await _folder.WriteAsync(3);
        string segment = _folder.Segments[0];
        byte[] three = await File.ReadAllBytesAsync(segment);
        byte[] head = await File.ReadAllBytesAsync(Path.Combine(_folder.Path, "head"));
        await _folder.WriteAsync(1, first: 4);
        byte[] four = await File.ReadAllBytesAsync(segment);

        // A crash after any byte of the fourth record, before it was acknowledged: the head still names the third.
        for (int length = three.Length + 1; length < four.Length; length += 7)
        {
            await File.WriteAllBytesAsync(segment, four[..length]);
            await File.WriteAllBytesAsync(Path.Combine(_folder.Path, "head"), head);
            await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options);
            Assert.Contains($"{length - three.Length} bytes after record 3", trail.OpeningNote, StringComparison.Ordinal);
            AuditRecord[] records = [.. AuditFiles.Read([_folder.Path], new AuditQuery())];
            Assert.Equal(4, records.Length);
            Assert.Equal("torn_end_cut", records[3].Entry.Detail);
        }
    }

    [Fact]
    public async Task Open_WholeButUnacknowledgedEnd_IsKept()
    {
        await _folder.WriteAsync(3);
        byte[] head = await File.ReadAllBytesAsync(Path.Combine(_folder.Path, "head"));
        await _folder.WriteAsync(1, first: 4);
        await File.WriteAllBytesAsync(Path.Combine(_folder.Path, "head"), head);
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options);
        Assert.Null(trail.OpeningNote);
        Assert.Equal(4, trail.Head.Sequence);
    }

    [Fact]
    public async Task Open_AcknowledgedRecordTorn_IsRefused()
    {
        await _folder.WriteAsync(3);
        string segment = _folder.Segments[0];
        byte[] bytes = await File.ReadAllBytesAsync(segment);
        await File.WriteAllBytesAsync(segment, bytes[..^5]);
        AuditTrailException e = await Assert.ThrowsAsync<AuditTrailException>(() => AuditTrail.OpenAsync(_folder.Options));
        Assert.Contains("broken at record 3", e.Message, StringComparison.Ordinal);
        Assert.Equal(bytes[..^5], await File.ReadAllBytesAsync(segment));
    }

    [Fact]
    public async Task Open_DamageBeforeALaterCommit_IsNoTornEndEvenWithAnOldHead()
    {
        await _folder.WriteAsync(1);
        byte[] head = await File.ReadAllBytesAsync(Path.Combine(_folder.Path, "head"));
        int length = File.ReadAllBytes(_folder.Segments[0]).Length;
        await _folder.WriteAsync(2, first: 2);
        byte[] bytes = await File.ReadAllBytesAsync(_folder.Segments[0]);
        bytes[length + 20] ^= 1;
        await File.WriteAllBytesAsync(_folder.Segments[0], bytes);
        await File.WriteAllBytesAsync(Path.Combine(_folder.Path, "head"), head);
        await Assert.ThrowsAsync<AuditTrailException>(() => AuditTrail.OpenAsync(_folder.Options));
    }

    [Fact]
    public async Task Open_AfterAKillDuringAnswers_RecordsThoseWithoutAnEndAsInterruptedOnce()
    {
        AuditEntry Begun(int i) => TrailFolder.Entry(i) with { Succeeded = true, Detail = AuditEntry.Begun, Target = "answer-" + i, CompletionTokens = null };
        await using (AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options))
        {
            for (int i = 1; i <= 30; i++) // over several segments
                await trail.AppendAsync(Begun(i));
            for (int i = 1; i <= 28; i++)
                await trail.AppendAsync(TrailFolder.Entry(i) with { Target = "answer-" + i, AnswerHash = new string('2', 64) });
        }

        Assert.True(_folder.Segments.Count > 2);
        for (int start = 0; start < 2; start++)
        {
            await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options);
            AuditEntry[] interrupted = [.. (await trail.ReadAsync(new AuditQuery { After = 58 }).ToListAsync()).Select(record => record.Entry)];
            Assert.Equal([Begun(29), Begun(30)], interrupted.OrderBy(entry => entry.Target, StringComparer.Ordinal).Select(entry => entry with { Succeeded = true, Detail = AuditEntry.Begun }));
            Assert.All(interrupted, entry => Assert.Equal((false, "interrupted"), (entry.Succeeded, entry.Detail)));
            Assert.Null((await trail.VerifyAsync()).Problem);
        }
    }

    [Fact]
    public async Task Open_HeadMissing_IsRefused()
    {
        await _folder.WriteAsync(3);
        File.Delete(Path.Combine(_folder.Path, "head"));
        AuditTrailException e = await Assert.ThrowsAsync<AuditTrailException>(() => AuditTrail.OpenAsync(_folder.Options));
        Assert.Contains("'head'", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Open_OldSegmentBroken_IsRefusedWhereAllIsVerified(bool all)
    {
        await _folder.WriteAsync(60);
        byte[] bytes = await File.ReadAllBytesAsync(_folder.Segments[0]);
        bytes[300] ^= 1;
        await File.WriteAllBytesAsync(_folder.Segments[0], bytes);
        AuditTrailOptions options = _folder.Options with { VerifyWholeChainAtStart = all };
        if (all)
        {
            await Assert.ThrowsAsync<AuditTrailException>(() => AuditTrail.OpenAsync(options));
            return;
        }

        await using AuditTrail trail = await AuditTrail.OpenAsync(options);
        Assert.NotNull((await trail.VerifyAsync()).Problem);
    }

    [Fact]
    public async Task Open_BrokenAndToldToContinue_SetsAsideAndRecordsIt()
    {
        await _folder.WriteAsync(60);
        string[] before = [.. _folder.Segments.Select(path => Path.GetFileName(path))];
        byte[] bytes = await File.ReadAllBytesAsync(_folder.Segments[1]);
        bytes[300] ^= 1;
        await File.WriteAllBytesAsync(_folder.Segments[1], bytes);
        long broken = AuditFiles.Verify([_folder.Path]).BrokenAt!.Value;

        await using (AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options with { ContinueBrokenChain = true }))
            Assert.Contains($"broken at record {broken}", trail.OpeningNote, StringComparison.Ordinal);

        AuditRecord record = Assert.Single(AuditFiles.Read([_folder.Path], new AuditQuery()));
        Assert.Equal((61, "broken_chain_continued", false), (record.Sequence, record.Entry.Detail, record.Entry.Succeeded));
        Assert.Null(AuditFiles.Verify([_folder.Path]).Problem);
        string aside = Assert.Single(Directory.GetDirectories(_folder.Path, "broken-*"));
        Assert.Equal([.. before, "head"], Directory.GetFiles(aside).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        await _folder.WriteAsync(1, first: 62);
    }

    [Fact]
    public async Task Open_CrashBetweenSegments_GoesOn()
    {
        await _folder.WriteAsync(60);
        byte[] bytes = await File.ReadAllBytesAsync(_folder.Segments[^1]);
        using (var reader = new SegmentReader(_folder.Segments[^1]))
        {
            // The segment before is closed, the next one was never begun; a prepared file without its name is left.
            await File.WriteAllBytesAsync(_folder.Segments[^1] + ".new", bytes[..(int)reader.Position]);
            byte[] head = AuditWriter.HeadBytes(new AuditHead(reader.Header.First - 1, Convert.ToHexStringLower(reader.Header.PreviousHash)));
            await File.WriteAllBytesAsync(Path.Combine(_folder.Path, "head"), head);
        }

        File.Delete(_folder.Segments[^1]);
        AuditHead end = await _folder.WriteAsync(1);
        AuditVerdict verdict = AuditFiles.Verify([_folder.Path], end);
        Assert.Null(verdict.Problem);
    }

    [Fact]
    public async Task Append_DiskFull_IsRefusedAndHealsByItself()
    {
        var volume = new FailingVolume();
        var time = new ManualTime();
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options with { Time = time }, volume);
        await trail.AppendAsync(TrailFolder.Entry(1));
        Assert.Null(trail.Problem);

        volume.Full = true;
        await Assert.ThrowsAsync<AuditUnavailableException>(async () => await trail.AppendAsync(TrailFolder.Entry(2)));
        Assert.NotNull(trail.Problem);
        await Assert.ThrowsAsync<AuditUnavailableException>(async () => await trail.AppendAsync(TrailFolder.Entry(2)));

        volume.Full = false;
        time.Advance(TimeSpan.FromSeconds(1));
        await trail.AppendAsync(TrailFolder.Entry(3));
        Assert.Null(trail.Problem);

        AuditRecord[] records = [.. AuditFiles.Read([_folder.Path], new AuditQuery())];
        Assert.Equal(["answered", "resumed", "answered"], records.Select(record => record.Entry.Detail));
        Assert.Equal("req-3", records[2].Entry.RequestId);
        Assert.Null((await trail.VerifyAsync()).Problem);
    }

    [Fact]
    public async Task Append_NoRoomForTheNextSegment_StillTakesRecordsAndSaysSo()
    {
        var volume = new FailingVolume();
        var time = new ManualTime();
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options with { Time = time }, volume);
        volume.NoNewFiles = true;
        for (int i = 0; i < 40; i++)
            await trail.AppendAsync(TrailFolder.Entry(i));
        Assert.NotNull(trail.Problem);
        Assert.Single(_folder.Segments);

        volume.NoNewFiles = false;
        time.Advance(TimeSpan.FromSeconds(1));
        await trail.AppendAsync(TrailFolder.Entry(41));
        Assert.Null(trail.Problem);
        Assert.True(_folder.Segments.Count > 1);
        Assert.Null((await trail.VerifyAsync()).Problem);
    }

    public void Dispose() => _folder.Dispose();
}
