using System.Net;
using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests;

/// <summary>The compose file: every name in it leads to something, and the silos' configuration is taken by the program.</summary>
public sealed class ComposeTests
{
    private static readonly Dictionary<string, object?> Compose = YamlTree.Map(Repository.Read("deploy", "compose.yaml"));
    private static readonly Dictionary<string, object?> Services = Compose.Map("services");
    private static readonly string SiloYaml = Repository.Read("deploy", "compose", "silo.yaml");

    private static IEnumerable<KeyValuePair<string, object?>> Silos => Services.Where(service => service.Key.StartsWith("silo-", StringComparison.Ordinal));

    [Fact]
    public void Services_NameNetworksVolumesSecretsAndServicesThatAreThere()
    {
        foreach ((string name, object? service) in Services)
        {
            Assert.All(service.Map("networks").Keys, network => Assert.Contains(network, Compose.Map("networks").Keys));
            Assert.All(service.List("secrets"), secret => Assert.Contains((string)secret!, Compose.Map("secrets").Keys));
            foreach (string[] mount in service.List("volumes").Select(volume => Regex.Replace((string)volume!, @"\$\{\w+:-([^}]+)\}", "$1").Split(':')))
            {
                bool isPath = mount[0][0] == '.';
                Assert.True(isPath ? Path.Exists(Repository.At("deploy", mount[0])) : Compose.Map("volumes").ContainsKey(mount[0]), $"{name}: {mount[0]}");
                Assert.True(!isPath || mount is [_, _, "ro"], $"{name}: {mount[0]} can be written");
            }

            foreach ((string other, object? on) in service.Map("depends_on"))
            {
                Assert.Contains(other, Services.Keys);
                // A health check is the service's own or, for images built here, the image's.
                if (on.Text("condition") == "service_healthy")
                    Assert.True(Services[other].At("healthcheck") is not null || Services[other].At("build") is not null, $"{name} waits for {other}, which has no health check");
            }
        }

        string[] used = [.. Services.Values.SelectMany(service => service.List("volumes")).Select(volume => ((string)volume!).Split(':')[0])];
        Assert.All(Compose.Map("volumes").Keys, volume => Assert.Contains(volume, used));
        Assert.All(Compose.Map("secrets").Values, secret => Assert.Contains($"{Path.GetFileName(secret.Text("file"))}", Repository.Read("deploy", "compose", "prepare.sh"), StringComparison.Ordinal));
    }

    [Fact]
    public void Services_ArePinnedConfinedAndPublishedOnThisMachineAlone()
    {
        foreach ((string name, object? service) in Services)
        {
            Assert.Matches(@":v?\d+\.\d+(\.\d+)?(-[a-z]+)?$", service.Text("image"));
            Assert.True(service.List("security_opt").Contains("no-new-privileges:true"), name);
            Assert.All(service.List("ports"), port => Assert.StartsWith("127.0.0.1:", (string)port!, StringComparison.Ordinal));
            if (service.Text("build", "target") is { } target)
            {
                Assert.Contains(target, new Dockerfile(Repository.Read("deploy", service.Text("build", "dockerfile")!["deploy/".Length..])).Stages.Select(stage => stage.Name));
                Assert.Equal((true, "1654:1654"), (service.At("read_only"), service.Text("user")));
            }
        }

        string[] ports = [.. Services.Values.SelectMany(service => service.List("ports")).Select(port => ((string)port!).Split(':')[1])];
        Assert.Equal(ports.Length, ports.Distinct().Count());
    }

    [Fact]
    public void Silos_HaveAddressesOfTheirOwnAndTimeToStop()
    {
        var network = IPNetwork.Parse(Compose.Text("networks", "grid", "ipam", "config", "0", "subnet")!);
        string[] addresses = [.. Silos.Select(silo => silo.Value.Text("networks", "grid", "ipv4_address")!)];

        Assert.Equal(3, addresses.Distinct().Count());
        Assert.All(addresses, address => Assert.True(network.Contains(IPAddress.Parse(address))));
        Assert.Equal(addresses, Silos.Select(silo => silo.Value.Text("environment", "SILO_ADDRESS")!));
        Assert.Equal(Silos.Select(silo => silo.Key), Silos.Select(silo => silo.Value.Text("environment", "SILO_NAME")!));
        long drain = (long)YamlTree.Map(SiloYaml)["drain_seconds"]!;
        Assert.All(Silos, silo => Assert.True(60 * int.Parse(silo.Value.Text("stop_grace_period")!.TrimEnd('m'), null) >= drain + 45));
    }

    [Fact]
    public void Configuration_OfEachSilo_IsTakenByTheProgram()
    {
        using var configurations = new Configurations();
        foreach (object? silo in Silos.Select(silo => silo.Value))
        {
            foreach (string secret in silo.List("secrets").Cast<string>())
                configurations.Write($"run/secrets/{secret}", "0123abcd");

            Assert.Empty(configurations.FindProblems(SiloYaml, silo.Map("environment").ToDictionary(pair => pair.Key, pair => (string)pair.Value!)));
        }
    }

    [Fact]
    public void Prometheus_ScrapesEverySiloWithTheKeyThatIsMade()
    {
        object? job = YamlTree.Map(Repository.Read("deploy", "compose", "prometheus.yaml")).List("scrape_configs").Single();

        Assert.Equal(Silos.Select(silo => $"{silo.Key}:8081"), job.List("static_configs", "0", "targets"));
        string key = Path.GetFileName(job.Text("authorization", "credentials_file")!);
        Assert.Contains($"/{key}\n", Repository.Read("deploy", "compose", "metrics-key.sh"), StringComparison.Ordinal);
        Assert.Contains("metrics-key:/run/moelora:ro", Services["prometheus"].List("volumes"));
        Assert.Equal("service_completed_successfully", Services["prometheus"].Text("depends_on", "metrics-key", "condition"));
    }

    [Fact]
    public void Grafana_FindsItsDashboardsAndPrometheus()
    {
        object? provider = YamlTree.Map(Repository.Read("deploy", "compose", "grafana", "dashboards.yaml")).List("providers").Single();
        object? source = YamlTree.Map(Repository.Read("deploy", "compose", "grafana", "datasources.yaml")).List("datasources").Single();

        Assert.Contains($"../helm/moelora-grid/dashboards:{provider.Text("options", "path")}:ro", Services["grafana"].List("volumes"));
        Assert.Equal("http://prometheus:9090", source.Text("url"));
    }
}
