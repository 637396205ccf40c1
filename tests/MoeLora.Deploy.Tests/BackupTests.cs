using System.IO.Compression;
using Microsoft.Extensions.Logging.Abstractions;
using MoeLora.Cli;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Bases;
using MoeLora.Serving.Nodes;
using MoeLora.Serving.Tests;
using MoeLora.Tensors;

namespace MoeLora.Deploy.Tests;

/// <summary>The scripts that back up a node which runs, and put the backup into an empty place.</summary>
public sealed class BackupTests : IDisposable
{
    private static readonly Caller Operator = new(TenantId.Parse("it"), "key:test", Roles.Operator | Roles.Admin);

    private readonly TemporaryDirectory _directory = new();
    private readonly Dictionary<string, string> _environment;

    public BackupTests()
    {
        // The program under test, as the scripts call it.
        string program = _directory["bin/moelora"];
        Directory.CreateDirectory(_directory["bin"]);
        File.WriteAllText(program, $"#!/bin/sh\nexec dotnet '{typeof(MoeLoraProgram).Assembly.Location}' \"$@\"\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        _environment = new() { ["PATH"] = $"{_directory["bin"]}:{Environment.GetEnvironmentVariable("PATH")}", ["PGDATABASE"] = "", ["PGSERVICE"] = "" };
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Backup_OfANodeThatPublishes_IsRestoredWithItsVersionsAndAWholeTrail()
    {
        string backup;
        await using (Node node = await StartAsync(_directory["state"]))
        {
            await PublishAsync(node, 1);
            using var enough = new CancellationTokenSource();
            Task writing = Task.Run(() => WriteOnAsync(node, enough.Token));

            backup = await BackUpAsync();

            await enough.CancelAsync();
            await writing;
        }

        (int code, string output) = await ScriptAsync("restore.sh", "--from", backup, "--state", _directory["restored"], "--head", Path.Combine(backup, "head"));
        Assert.True(code == 0, output);
        AuditVerdict verdict = AuditFiles.Verify([_directory["restored/audit"]]);
        Assert.Equal((null, null), (verdict.BrokenAt, verdict.Problem));
        await using Node restored = await StartAsync(_directory["restored"]);
        Assert.Empty(restored.Problems);
        Assert.True((await restored.Rollouts.ListVersionsAsync()).TryGet(out IReadOnlyList<AdapterVersionStatus>? versions, out _));
        Assert.Contains(versions, version => version is { Version: "1", State: RolloutState.Published });
        await DoAsync(restored, new ActivateVersion("demo", "1")); // its bundle is whole
    }

    [Fact]
    public async Task Restore_OfFilesThatChanged_WritesNothing()
    {
        string backup;
        await using (await OpenAsync(_directory["state"]))
            backup = await BackUpAsync();
        string database = Path.Combine(backup, "state", "state.db");
        byte[] bytes = await File.ReadAllBytesAsync(database);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(database, bytes);

        (int code, string output) = await ScriptAsync("restore.sh", "--from", backup, "--state", _directory["restored"]);

        Assert.Equal(1, code);
        Assert.Contains("nothing was written", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory["restored"]));
        (code, output) = await ScriptAsync("restore.sh", "--from", backup, "--state", _directory["state"]);
        Assert.Equal(1, code);
        Assert.Contains("is not empty", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Restore_OfABackupWithAFileThatIsNotListed_WritesNothing()
    {
        string backup;
        await using (await OpenAsync(_directory["state"]))
            backup = await BackUpAsync();
        string added = Path.Combine(backup, "state", "added.db");
        await File.WriteAllTextAsync(added, "x");

        (int code, string output) = await ScriptAsync("restore.sh", "--from", backup, "--state", _directory["restored"]);

        Assert.Equal(1, code);
        Assert.Contains("SHA256SUMS does not list: ./state/added.db; nothing was written", output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_directory["restored"]));

        // Without it, into an empty file system of its own.
        File.Delete(added);
        Directory.CreateDirectory(_directory["restored/lost+found"]);
        (code, output) = await ScriptAsync("restore.sh", "--from", backup, "--state", _directory["restored"]);
        Assert.True(code == 0, output);
        Assert.True(File.Exists(_directory["restored/state.db"]));
    }

    private async Task<string> BackUpAsync()
    {
        (int code, string output) = await ScriptAsync("backup.sh", "--state", _directory["state"], "--to", _directory["backups"], "--keep", "3");
        Assert.True(code == 0, output);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1];
    }

    private Task<(int Code, string Output)> ScriptAsync(string script, params string[] arguments) =>
        Commands.RunAsync("bash", [Repository.At("deploy", script), .. arguments], _environment);

    // A new version, and changes of the database with their records as fast as they go.
    private async Task WriteOnAsync(Node node, CancellationToken enough)
    {
        await PublishAsync(node, 2);
        for (int i = 0; !enough.IsCancellationRequested; i++)
            Assert.True((await node.Tenants.PutTenantAsync(TenantId.Parse($"ward-{i % 100}"), new TenantLimits { RequestsPerMinute = i + 1 }, enabled: true, Operator)).TryGet(out _, out GridError? error), error?.Message);
    }

    private async Task PublishAsync(Node node, int version)
    {
        string archive = _directory[$"v{version}.zip"];
        ZipFile.CreateFromDirectory(Repository.At("deploy", "demo", "files", $"v{version}"), archive);
        await using FileStream bundle = File.OpenRead(archive);
        Assert.True((await node.Rollouts.PublishAsync(bundle, Operator)).TryGet(out _, out GridError? error), error?.Message);
    }

    private static async Task DoAsync(Node node, RolloutCommand command) =>
        Assert.True((await node.Rollouts.ExecuteAsync(command, Operator)).TryGet(out _, out GridError? error), error?.Message);

    private static async Task<Node> StartAsync(string state)
    {
        Node node = await OpenAsync(state);
        await node.StartAsync();
        return node;
    }

    private static Task<Node> OpenAsync(string state) => Node.OpenAsync(
        new NodeOptions { StateDirectory = state, Bases = [new BaseModelOptions { ModelDirectory = Repository.At("deploy", "demo", "files", "base"), Weights = DType.F32, Threads = 1 }] },
        NullLoggerFactory.Instance);
}
