using System.Diagnostics;
using MoeLora.Contracts.Auditing;
using MoeLora.Serving.Auditing;
using Xunit.Abstractions;

namespace MoeLora.Serving.Tests.Auditing;

public sealed class AuditThroughputTests(ITestOutputHelper output) : IDisposable
{
    private readonly TrailFolder _folder = new(onDisk: true);

    [Fact]
    public async Task Append_ManyAppenders_ShareCommits()
    {
        const int Appenders = 256;
        int each = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 400 : 20;
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options with { SegmentBytes = 16 << 20 });
        await trail.AppendAsync(TrailFolder.Entry(0));
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Appenders).Select(async lane =>
        {
            for (int i = 0; i < each; i++)
                await trail.AppendAsync(TrailFolder.Entry((lane * each) + i));
        }));
        double seconds = watch.Elapsed.TotalSeconds;
        output.WriteLine(FormattableString.Invariant($"{Appenders * each / seconds:F0} records/s, {Appenders} appenders at once, each record durable before its append returns"));

        // The figures are printed, not asserted: they are the disk's and whoever else's is on the machine.
        Assert.Equal(1 + (Appenders * each), trail.Head.Sequence);
        watch.Restart();
        Assert.Null((await trail.VerifyAsync()).Problem);
        output.WriteLine(FormattableString.Invariant($"{trail.Head.Sequence / watch.Elapsed.TotalSeconds:F0} records/s verified"));
    }

    [Fact]
    public async Task Answers_ManyAtOnce_ShareTheCommitsOfBeginAndEnd()
    {
        const int Callers = 256;
        int each = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 200 : 10;
        await using AuditTrail trail = await AuditTrail.OpenAsync(_folder.Options with { SegmentBytes = 16 << 20 });
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(async caller =>
        {
            for (int i = 0; i < each; i++)
            {
                AuditEntry end = TrailFolder.Entry((caller * each) + i) with { Target = $"{caller}-{i}" };
                await trail.AppendAsync(end with { Detail = AuditEntry.Begun });
                await trail.AppendAsync(end);
            }
        }));
        output.WriteLine(FormattableString.Invariant($"{Callers * each / watch.Elapsed.TotalSeconds:F0} answers/s of {Callers} callers at once, two records each"));
        Assert.Equal(2 * Callers * each, trail.Head.Sequence);
    }

    public void Dispose() => _folder.Dispose();
}
