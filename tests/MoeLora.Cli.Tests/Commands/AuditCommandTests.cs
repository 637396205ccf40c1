using MoeLora.Contracts.Auditing;
using MoeLora.Serving.Auditing;

namespace MoeLora.Cli.Tests.Commands;

public sealed class AuditCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Trail => _directory.File("state/audit");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Verify_PrintsTheHead_WhichALongerTrailStillContains()
    {
        await AppendAsync(3);
        string head = (await Invocation.RunAsync("audit", "verify", Trail, "--json")).Json.GetProperty("head").GetString()!;
        string file = _directory.File("kept.head");
        await File.WriteAllTextAsync(file, head + "\n");
        await AppendAsync(2);

        Invocation text = await Invocation.RunAsync("audit", "verify", Trail, "--head", head);
        Invocation fromFile = await Invocation.RunAsync("audit", "verify", Trail, "--head", file);

        Assert.StartsWith("3 ", head);
        Assert.Equal((ExitCode.Ok, ExitCode.Ok), (text.ExitCode, fromFile.ExitCode));
        Assert.Contains("5 records, whole, and record 3 is the one that was kept.", text.Out);
    }

    [Fact]
    public async Task Verify_TrailThatWasCutBeforeTheKeptHead_Fails()
    {
        string kept = await AppendAsync(5);
        Directory.Delete(Trail, recursive: true);
        await AppendAsync(4); // a trail that is whole by itself

        Invocation run = await Invocation.RunAsync("audit", "verify", Trail, "--head", kept);

        Assert.Equal(ExitCode.Ok, (await Invocation.RunAsync("audit", "verify", Trail)).ExitCode);
        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("records 5 to 5 are missing", run.Out);
    }

    [Fact]
    public async Task Verify_HeadThatIsNone_IsRefused()
    {
        await AppendAsync(1);
        Invocation run = await Invocation.RunAsync("audit", "verify", Trail, "--head", "12 abc");
        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("neither a file nor a head", run.Error);
    }

    [Fact]
    public async Task Continue_BrokenTrail_IsMovedAsideAndRecordedWithWhoDidIt()
    {
        await AppendAsync(5);
        string segment = Directory.GetFiles(Trail, "*.audit").Single();
        byte[] bytes = await File.ReadAllBytesAsync(segment);
        bytes[Array.FindLastIndex(bytes, value => value != 0)] ^= 1; // of an acknowledged record
        await File.WriteAllBytesAsync(segment, bytes);
        Assert.Equal(ExitCode.Failed, (await Invocation.RunAsync("audit", "verify", Trail)).ExitCode);

        Invocation run = await Invocation.RunAsync("audit", "continue", "--config", Config());

        Assert.True(run.ExitCode == ExitCode.Ok, run.Error);
        Assert.Single(Directory.GetDirectories(Trail, "broken-*"));
        AuditRecord[] records = [.. AuditFiles.Read([Trail], new AuditQuery())];
        Assert.Equal(["broken_chain_continued", "continued_by_command"], records.Select(record => record.Entry.Detail));
        Assert.Equal((6, $"user:{Environment.UserName}"), (records[0].Sequence, records[1].Entry.Subject));
        Assert.Equal(ExitCode.Ok, (await Invocation.RunAsync("audit", "verify", Trail)).ExitCode);
    }

    [Fact]
    public async Task Continue_WholeTrail_IsLeftAsItIs()
    {
        string head = await AppendAsync(2);
        Invocation run = await Invocation.RunAsync("audit", "continue", "--config", Config());
        Assert.Equal(ExitCode.Ok, run.ExitCode);
        Assert.Contains("not broken", run.Out);
        Assert.Equal(head, (await Invocation.RunAsync("audit", "verify", Trail, "--json")).Json.GetProperty("head").GetString());
    }

    private string Config()
    {
        string config = _directory.File("node.yaml");
        File.WriteAllText(config, $"name: n1\nstate: {_directory.File("state")}\nbases: []\n");
        return config;
    }

    private async Task<string> AppendAsync(int records)
    {
        Directory.CreateDirectory(Trail);
        await using AuditTrail trail = await AuditTrail.OpenAsync(new AuditTrailOptions { Directory = Trail, Node = "n1" });
        for (int i = 0; i < records; i++)
            await trail.AppendAsync(new AuditEntry { Action = AuditAction.Node, Succeeded = true, Detail = "start" });
        return trail.Head.ToString();
    }
}
