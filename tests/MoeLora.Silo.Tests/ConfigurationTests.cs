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
            """);

        Assert.All(
            ["bases[0].weights", "bases[0].model", "cluster.clustering", "cluster.storage", "cluster.address", "cluster.listen", "cluster.silo_port", "cluster.failure_detection", "cluster.tls.certificate", "cluster.tls.authority"],
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

        Assert.StartsWith("moelora-silo: tenants:", errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_KeyThatIsNotKnown_IsRefused()
    {
        string errors = await RefuseAsync($"state: state\nbases: [{"{"}model: {DemoFilesBase}{"}"}]\ncluster: {"{"}silo_prot: 1{"}"}\n");

        Assert.Contains("cluster.silo_prot is not known.", errors, StringComparison.Ordinal);
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
