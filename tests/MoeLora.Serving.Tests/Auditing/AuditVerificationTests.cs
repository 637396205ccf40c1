using System.Buffers.Binary;
using MoeLora.Contracts.Auditing;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Auditing.Chain;

namespace MoeLora.Serving.Tests.Auditing;

/// <summary>Whatever is done to the files is found, and named at the first record that it touches.</summary>
public sealed class AuditVerificationTests : IDisposable
{
    private readonly TrailFolder _folder = new();

    [Fact]
    public async Task Verify_AnyByteChanged_IsFound()
    {
        await _folder.WriteAsync(16);
        Assert.Equal(2, _folder.Segments.Count);
        for (int index = 0; index < 2; index++)
        {
            // Header and first record, and the end: the last record and, of the closed segment, its seal.
            (string segment, List<Range> frames, byte[] good) = Frames(index);
            int first = frames[0].End.Value;
            int last = frames[^1].Start.Value;
            foreach (int i in Enumerable.Range(0, first).Concat(Enumerable.Range(last, good.Length - last)))
            {
                byte[] bad = [.. good];
                bad[i] ^= (byte)(1 << (i % 8));
                await File.WriteAllBytesAsync(segment, bad);
                Assert.True(AuditFiles.Verify([_folder.Path]).Problem is not null, $"byte {i} of {Path.GetFileName(segment)}");
            }

            await File.WriteAllBytesAsync(segment, good);
        }

        Assert.Null(AuditFiles.Verify([_folder.Path]).Problem);
    }

    [Fact]
    public async Task Verify_RecordChanged_NamesIt()
    {
        await _folder.WriteAsync(60);
        (string segment, List<Range> frames, byte[] bytes) = Frames(1);
        long first = FirstOf(segment);
        bytes[frames[2].Start.Value + 40] ^= 1;
        await File.WriteAllBytesAsync(segment, bytes);

        AuditVerdict verdict = AuditFiles.Verify([_folder.Path]);
        Assert.Equal(first + 2, verdict.BrokenAt);
        Assert.Equal(first + 1, verdict.LastSequence);
        Assert.Contains($"record {first + 2} in segment", verdict.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("removed", 2)]
    [InlineData("swapped", 2)]
    [InlineData("doubled", 3)]
    [InlineData("cut", 2)]
    public async Task Verify_RecordsMoved_AreFoundAtTheFirst(string what, int index)
    {
        await _folder.WriteAsync(12);
        (string segment, List<Range> frames, byte[] bytes) = Frames(0);
        byte[] At(int i) => bytes[frames[i]];
        byte[] Before(int i) => bytes[..frames[i].Start.Value];
        byte[] From(int i) => bytes[frames[i].Start.Value..];
        byte[] changed = what switch
        {
            "removed" => [.. Before(2), .. From(3)],
            "swapped" => [.. Before(2), .. At(3), .. At(2), .. From(4)],
            "doubled" => [.. Before(3), .. At(2), .. From(3)],
            _ => Before(2),
        };
        await File.WriteAllBytesAsync(segment, changed);
        Assert.Equal(index + 1, AuditFiles.Verify([_folder.Path]).BrokenAt);
    }

    [Fact]
    public async Task Verify_RecordRewrittenWithItsHash_IsFoundAtTheNext()
    {
        await _folder.WriteAsync(12);
        (string segment, List<Range> frames, byte[] bytes) = Frames(0);
        Rewrite(bytes, frames[1], frames[0]);
        await File.WriteAllBytesAsync(segment, bytes);
        Assert.Equal(3, AuditFiles.Verify([_folder.Path]).BrokenAt);
    }

    [Fact]
    public async Task Verify_LastRecordRewrittenWithItsHash_IsFoundByTheHead()
    {
        await _folder.WriteAsync(2);
        (string segment, List<Range> frames, byte[] bytes) = Frames(0);
        Rewrite(bytes, frames[1], frames[0]);
        await File.WriteAllBytesAsync(segment, bytes);
        Assert.Equal(2, AuditFiles.Verify([_folder.Path]).BrokenAt);
    }

    [Fact]
    public async Task Verify_LastRecordCutOff_IsFoundByTheHead()
    {
        await _folder.WriteAsync(5);
        (string segment, List<Range> frames, byte[] bytes) = Frames(0);
        await File.WriteAllBytesAsync(segment, bytes[..frames[4].Start.Value]);
        AuditVerdict verdict = AuditFiles.Verify([_folder.Path]);
        Assert.Equal(5, verdict.BrokenAt);
        Assert.Contains("missing", verdict.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_EndAndHeadCutTogether_IsFoundOnlyWithAKeptHead()
    {
        AuditHead kept = await _folder.WriteAsync(5);
        (string segment, List<Range> frames, byte[] bytes) = Frames(0);
        await File.WriteAllBytesAsync(segment, bytes[..frames[4].Start.Value]);
        await File.WriteAllTextAsync(Path.Combine(_folder.Path, "head"), $"{4:D19} {Convert.ToHexStringLower(bytes[frames[3]][^32..])}\n");

        Assert.Null(AuditFiles.Verify([_folder.Path]).Problem);
        Assert.Equal(5, AuditFiles.Verify([_folder.Path], kept).BrokenAt);
    }

    [Fact]
    public async Task Verify_TrailWrittenAnew_IsFoundOnlyWithAKeptHead()
    {
        AuditHead kept = await _folder.WriteAsync(5);
        foreach (string file in Directory.GetFiles(_folder.Path))
            File.Delete(file);
        await _folder.WriteAsync(6, first: 100);

        Assert.Null(AuditFiles.Verify([_folder.Path]).Problem);
        Assert.Equal(5, AuditFiles.Verify([_folder.Path], kept).BrokenAt);
    }

    [Fact]
    public async Task Verify_SegmentMissingInTheMiddle_IsFoundAtItsFirstRecord()
    {
        await _folder.WriteAsync(60);
        long first = FirstOf(_folder.Segments[1]);
        File.Delete(_folder.Segments[1]);
        Assert.Equal(first, AuditFiles.Verify([_folder.Path]).BrokenAt);
    }

    [Fact]
    public async Task Verify_LastSegmentMissing_IsFound()
    {
        await _folder.WriteAsync(60);
        long first = FirstOf(_folder.Segments[^1]);
        File.Delete(_folder.Segments[^1]);
        Assert.Equal(first, AuditFiles.Verify([_folder.Path]).BrokenAt);
    }

    [Fact]
    public async Task Verify_SegmentRenamed_IsFound()
    {
        await _folder.WriteAsync(60);
        File.Move(_folder.Segments[^1], Path.Combine(_folder.Path, SegmentFiles.Name(999)));
        Assert.NotNull(AuditFiles.Verify([_folder.Path]).Problem);
    }

    [Fact]
    public async Task Verify_SealRemoved_IsFound()
    {
        await _folder.WriteAsync(60);
        byte[] bytes = await File.ReadAllBytesAsync(_folder.Segments[0]);
        await File.WriteAllBytesAsync(_folder.Segments[0], bytes[..^(SegmentSeal.Bytes + AuditFrame.Overhead)]);
        AuditVerdict verdict = AuditFiles.Verify([_folder.Path]);
        Assert.Contains("is not closed", verdict.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Verify_SegmentsArchived_RestVerifiesAndBothTogether()
    {
        AuditHead kept = await _folder.WriteAsync(60);
        using var archive = new TrailFolder();
        long first = FirstOf(_folder.Segments[2]);
        foreach (string old in _folder.Segments.Take(2).ToArray())
            File.Move(old, Path.Combine(archive.Path, Path.GetFileName(old)));

        AuditVerdict rest = AuditFiles.Verify([_folder.Path], kept);
        Assert.Equal((null, first, 60), (rest.Problem, rest.FirstSequence, rest.LastSequence));
        AuditVerdict both = AuditFiles.Verify([_folder.Path, archive.Path], kept);
        Assert.Equal((null, 1, 60), (both.Problem, both.FirstSequence, both.LastSequence));
        await _folder.WriteAsync(1, first: 61);
        Assert.Null(AuditFiles.Verify([archive.Path, _folder.Path], kept).Problem);
    }

    [Fact]
    public async Task Verify_KeptHeadIsInSegmentsThatAreNotThere_SaysSo()
    {
        AuditHead early = await _folder.WriteAsync(2);
        await _folder.WriteAsync(58, first: 3);
        using var archive = new TrailFolder();
        long first = FirstOf(_folder.Segments[2]);
        AuditHead before = AuditFiles.Read([_folder.Path], new AuditQuery()).Where(record => record.Sequence == first - 1).Select(record => new AuditHead(record.Sequence, record.Hash)).Single();
        foreach (string old in _folder.Segments.Take(2).ToArray())
            File.Move(old, Path.Combine(archive.Path, Path.GetFileName(old)));

        AuditVerdict rest = AuditFiles.Verify([_folder.Path], early);
        Assert.Equal(2, rest.BrokenAt);
        Assert.Contains("no segment", rest.Problem, StringComparison.Ordinal);
        Assert.Null(AuditFiles.Verify([_folder.Path, archive.Path], early).Problem);

        // The header of the first segment names the hash of the record before it.
        Assert.Null(AuditFiles.Verify([_folder.Path], before).Problem);
        Assert.Equal(first, AuditFiles.Verify([_folder.Path], before with { Hash = early.Hash }).BrokenAt);
    }

    [Fact]
    public async Task Verify_ArchivedSegmentOfAnotherTrail_IsFound()
    {
        await _folder.WriteAsync(60);
        using var other = new TrailFolder();
        await other.WriteAsync(60);
        File.Copy(other.Segments[1], _folder.Segments[1], overwrite: true);
        Assert.Equal(FirstOf(_folder.Segments[1]), AuditFiles.Verify([_folder.Path]).BrokenAt);
    }

    [Fact]
    public async Task VerifyAsync_WhileOpen_FindsACutEnd()
    {
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options);
        for (int i = 1; i <= 3; i++)
            await trail.AppendAsync(TrailFolder.Entry(i));
        (string segment, List<Range> frames, _) = Frames(0);
        using (FileStream file = new(segment, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(frames[2].Start.Value);
        Assert.Equal(3, (await trail.VerifyAsync()).BrokenAt);
    }

    public void Dispose() => _folder.Dispose();

    private static long FirstOf(string segment) => long.Parse(Path.GetFileNameWithoutExtension(segment), System.Globalization.CultureInfo.InvariantCulture);

    private (string Segment, List<Range> Frames, byte[] Bytes) Frames(int index)
    {
        string segment = _folder.Segments[index];
        byte[] bytes = File.ReadAllBytes(segment);
        using var reader = new SegmentReader(segment);
        var frames = new List<Range>();
        for (long at = reader.Position; reader.TryRead(out _); at = reader.Position)
            frames.Add((int)at..(int)reader.Position);
        return (segment, frames, bytes);
    }

    /// <summary>Changes a record and computes its hash again, as someone does who may write the file.</summary>
    private static void Rewrite(byte[] bytes, Range frame, Range before)
    {
        Span<byte> target = bytes.AsSpan(frame);
        target[200] ^= 1; // in a text
        AuditFrame.Close(target, BinaryPrimitives.ReadInt32LittleEndian(target), bytes[before][^32..]);
    }
}
