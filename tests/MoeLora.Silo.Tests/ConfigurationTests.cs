using MoeLora.Cli.Terminals;
using MoeLora.Serving.Tests;

namespace MoeLora.Silo.Tests;

/// <summary>What is wrong with a configuration is said at once, all of it, with the file's own keys.</summary>
public sealed class ConfigurationTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Run_EverythingIsWrong_NamesEveryKey()
    {
        string errors = await RefuseAsync("""
            state: state
            bases:
              - model: /nowhere
                weights: int3
            cluster:
              clustering: zookeeper
              storage: redis
              address: 0.0.0.0
              listen: everywhere
              silo_port: 99999
              failure_detection: never
              tls: {certificate: none.pem, authority: none.pem}
              memory_mb: 0
              bundles: /nowhere
              patience_seconds: 0
              placement: {silent_seconds: 0}
              replicas: {most: 0}
              announcements: {period_ms: 1}
            """);

        Assert.All(
            ["bases[0].weights", "bases[0].model", "cluster.clustering", "cluster.storage", "cluster.address", "cluster.listen", "cluster.silo_port", "cluster.failure_detection", "cluster.tls.certificate", "cluster.tls.authority",
                "cluster.memory_mb", "cluster.bundles", "cluster.patience_seconds", "cluster.placement", "cluster.replicas", "cluster.announcements"],
            key => Assert.Contains($"{key}:", errors, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Run_AllInRedisWithoutTenants_AsksForTheirDatabase()
    {
        string errors = await RefuseAsync($"""
            state: state
            bases: [{"{"}model: {DemoFilesBase}{"}"}]
            cluster: {"{"}clustering: redis, storage: redis, redis: "localhost:6379"{"}"}
            """);

        Assert.Contains("tenants:", errors, StringComparison.Ordinal);
    }

    /// <summary>A file of its own for each silo would be a storage for each, which fences nothing.</summary>
    [Theory]
    [InlineData("clustering: redis", "storage")]
    [InlineData("storage: redis", "clustering")]
    public async Task Run_HalfInRedisWithoutADatabase_AsksForIt(string half, string other)
    {
        string errors = await RefuseAsync($"""
            state: state
            bases: [{"{"}model: {DemoFilesBase}{"}"}]
            cluster: {"{"}{half}, redis: "localhost:6379"{"}"}
            """);

        Assert.Contains($"cluster.{other}: it needs a database", errors, StringComparison.Ordinal);
        Assert.Contains("tenants:", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ReachableWithoutTls_IsRefusedUnlessTheNetworkIsTrusted()
    {
        Assert.Contains("cluster.tls: other machines reach this silo", await RefuseAsync(Reachable("")), StringComparison.Ordinal);
        Assert.DoesNotContain("cluster.tls:", await RefuseAsync(Reachable("trusted_network: true, memory_mb: 0, ")), StringComparison.Ordinal); // refused for another reason

        static string Reachable(string more) => $"state: state\nname: silo-1\nbases: [{"{"}model: {DemoFilesBase}{"}"}]\ncluster: {"{"}{more}address: 10.0.0.5, listen: 0.0.0.0{"}"}\n";
    }

    [Fact]
    public async Task Run_MembersElsewhereWithoutAName_AsksForOne()
    {
        string errors = await RefuseAsync($"state: state\nbases: [{"{"}model: {DemoFilesBase}{"}"}]\ncluster: {"{"}database: /tmp/shared.db{"}"}\n");

        Assert.Equal("moelora-silo: name: a silo of a cluster needs a name of its own.", errors.Trim());
    }

    [Fact]
    public async Task Run_KeyThatIsNotKnown_IsRefused()
    {
        string errors = await RefuseAsync($"state: state\nbases: [{"{"}model: {DemoFilesBase}{"}"}]\ncluster: {"{"}silo_prot: 1{"}"}\n");

        Assert.Contains("cluster.silo_prot is not known.", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("key", "recover", "There is no node's state in")]
    [InlineData("audit", "continue", "There is no audit trail in")]
    public async Task CommandsForAStoppedNode_ReadASilosConfiguration(string group, string command, string expected)
    {
        string file = _directory["silo.yaml"];
        await File.WriteAllTextAsync(file, $"name: s1\nstate: {_directory["none"]}\nbases: [{"{"}model: {DemoFilesBase}{"}"}]\ncluster: {"{"}id: wards{"}"}\n");
        var terminal = new Terminal { Out = new StringWriter(), Error = new StringWriter() };

        Assert.Equal(1, await Program.RunAsync([group, command, "--config", file], terminal, CancellationToken.None));

        Assert.Contains(expected, terminal.Error.ToString(), StringComparison.Ordinal);
    }

    private static string DemoFilesBase => Grid.Tests.DemoFiles.Base;

    private async Task<string> RefuseAsync(string yaml)
    {
        string file = _directory["silo.yaml"];
        await File.WriteAllTextAsync(file, yaml);
        var terminal = new Terminal { Out = new StringWriter(), Error = new StringWriter() };

        Assert.Equal(1, await Program.RunAsync(["--config", file], terminal, CancellationToken.None));

        return terminal.Error.ToString()!;
    }
}
