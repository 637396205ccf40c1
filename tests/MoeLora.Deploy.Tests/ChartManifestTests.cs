namespace MoeLora.Deploy.Tests;

/// <summary>What the chart makes of its examples.</summary>
public sealed class ChartManifestTests
{
    public static TheoryData<string> Examples => ChartExamples.Names;

    [Theory]
    [MemberData(nameof(Examples))]
    public void Manifests_OfEachExample_FitTogether(string example) =>
        Assert.Empty(new ManifestRules(ChartExamples.Chart.Manifests(ChartExamples.Values(example))).FindProblems());

    [Theory]
    [MemberData(nameof(Examples))]
    public void Configuration_OfEachPool_IsTakenByTheProgram(string example)
    {
        using var configurations = new Configurations();
        foreach (Dictionary<string, object?> set in OfKind(ChartExamples.Values(example), "StatefulSet"))
        {
            // Everything that it refers to is mounted where it looks for it, and its environment is the container's.
            object? container = set.At("spec", "template", "spec", "containers", "silo");
            string yaml = Config(example, set.Text("metadata", "name")!);
            string[] mounts = [.. container.List("volumeMounts").Select(mount => mount.Text("mountPath")!)];
            Assert.All(Paths(yaml), path => Assert.Contains(mounts, mount => path == mount || path.StartsWith(mount + "/", StringComparison.Ordinal)));
            Dictionary<string, string> environment = container.List("env").Where(variable => variable.At("valueFrom") is not null)
                .ToDictionary(variable => variable.Text("name")!, variable => variable.Text("name") == "POD_IP" ? "10.1.2.3" : "grid-cpu-0");

            Assert.Empty(configurations.FindProblems(yaml, environment));
        }
    }

    [Fact]
    public void Pool_WithValuesOfItsOwn_HasThemAndTheDefaultsElsewhere()
    {
        Dictionary<string, object?>[] sets = [.. OfKind(ChartExamples.Values("gpu"), "StatefulSet")];
        object? large = sets[0].At("spec", "template", "spec"), small = sets[1].At("spec", "template", "spec");

        Assert.Equal(["demo-moelora-grid-h100", "demo-moelora-grid-l4"], sets.Select(set => set.Text("metadata", "name")));
        Assert.Equal((1L, "48Gi", "clinical-inference"), (large.At("containers", "silo", "resources", "limits", "nvidia.com/gpu"), large.Text("containers", "silo", "resources", "requests", "memory"), large.Text("priorityClassName")));
        Assert.Equal((1L, "4Gi", null), (small.At("containers", "silo", "resources", "limits", "nvidia.com/gpu"), small.Text("containers", "silo", "resources", "requests", "memory"), small.Text("priorityClassName")));
        Assert.Equal("moelora-grid/silo-cuda:0.1.0", large.Text("containers", "silo", "image"));
        Assert.NotNull(large.At("topologySpreadConstraints"));
        Assert.Null(small.At("topologySpreadConstraints"));
        Assert.Equal(16384L, YamlTree.Map(Config("gpu", "demo-moelora-grid-h100")).At("merging", "memory_mb"));
        Assert.Equal(["triage/MedDG"], YamlTree.Map(Config("gpu", "demo-moelora-grid-l4")).List("merging", "merged"));
    }

    [Theory]
    [InlineData("{ repository: moelora-grid/silo-cuda }", "moelora-grid/silo-cuda:0.1.0")]
    [InlineData("{ tag: 0.2.0 }", "moelora-grid/silo:0.2.0")]
    [InlineData("{ repository: moelora-grid/silo-cuda, tag: 0.2.0, digest: \"sha256:bb\" }", "moelora-grid/silo-cuda@sha256:bb")]
    [InlineData("{}", "moelora-grid/silo@sha256:aa")]
    public void Pool_WithAnImageOfItsOwn_DoesNotHaveTheReleasesDigest(string image, string expected)
    {
        Dictionary<string, object?> values = ChartExamples.Values("gpu", "image.digest", "\"sha256:aa\"");
        values.List("pools")[0].Map()["image"] = YamlTree.Map(image);

        Assert.Equal(expected, OfKind(values, "StatefulSet").First().Text("spec", "template", "spec", "containers", "silo", "image"));
    }

    [Theory]
    [InlineData("cpu", 3)] // inference, administration, between silos
    [InlineData("everything", 1)] // administration
    [InlineData("tls", 0)]
    public void Notes_WarnOfEachPlaneWithoutTls(string example, int warnings) =>
        Assert.Equal(warnings, ChartExamples.Chart.Render(ChartExamples.Values(example))["NOTES.txt"].Split("WARNING: ").Length - 1);

    [Fact]
    public void Secrets_AreNeverInTheManifests()
    {
        // By reference only: what the chart makes has neither a secret nor an environment variable of one.
        foreach (string example in ((IEnumerable<object[]>)Examples).Select(row => (string)row[0]))
        {
            Assert.Empty(OfKind(ChartExamples.Values(example), "Secret"));
            Assert.DoesNotContain("secretKeyRef", string.Concat(ChartExamples.Chart.Render(ChartExamples.Values(example)).Values), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Policy_LetsAdministrationInFromTheReleaseAndThoseNamedOnly()
    {
        Dictionary<string, object?> policy = OfKind(ChartExamples.Values("everything"), "NetworkPolicy").Single();

        object? admin = policy.List("spec", "ingress").Single(rule => rule.Text("ports", "0", "port") == "admin");
        Assert.Equal(2, admin.List("from").Count);
        object? silo = policy.List("spec", "ingress").Single(rule => rule.Text("ports", "0", "port") == "silo");
        Assert.Equal("silo", Assert.Single(silo.List("from")).Text("podSelector", "matchLabels", "app.kubernetes.io/component"));
        Assert.All(policy.List("spec", "ingress"), rule => Assert.NotEmpty(rule.List("from")));
    }

    [Fact]
    public void Policy_LetsSilosAskForNamesOnEachPortByBothProtocols()
    {
        Dictionary<string, object?> policy = OfKind(ChartExamples.Values("cpu", "networkPolicy.dnsPorts", "[53, 8053]"), "NetworkPolicy").Single();

        Assert.Equal(
            [("UDP", 53L), ("TCP", 53L), ("UDP", 8053L), ("TCP", 8053L)],
            policy.List("spec", "egress", "0", "ports").Select(port => (port.Text("protocol")!, (long)port.At("port")!)));
    }

    [Fact]
    public void Authority_ThatTheChartMakes_KeepsItsKey()
    {
        Dictionary<string, object?> authority = OfKind(ChartExamples.Values("tls"), "Certificate").Single(certificate => Equals(certificate.At("spec", "isCA"), true));

        Assert.Equal("Never", authority.Text("spec", "privateKey", "rotationPolicy"));
    }

    [Fact]
    public void Configuration_ThatChanges_ReplacesThePodsOfItsPoolAlone()
    {
        Dictionary<string, object?> changed = ChartExamples.Values("gpu");
        changed.List("pools")[1].Map("merging")["memory_mb"] = 4096L;

        string?[] before = Checksums(ChartExamples.Values("gpu")), after = Checksums(changed);

        Assert.Equal(before[0], after[0]);
        Assert.NotEqual(before[1], after[1]);
    }

    private static string?[] Checksums(Dictionary<string, object?> values) =>
        [.. OfKind(values, "StatefulSet").Select(set => set.Text("spec", "template", "metadata", "annotations", "checksum/config"))];

    private static string Config(string example, string name) =>
        OfKind(ChartExamples.Values(example), "ConfigMap").Single(map => map.Text("metadata", "name") == name).Text("data", "silo.yaml")!;

    private static IEnumerable<Dictionary<string, object?>> OfKind(Dictionary<string, object?> values, string kind) =>
        ChartExamples.Chart.Manifests(values).Where(manifest => manifest.Text("kind") == kind);

    private static IEnumerable<string> Paths(string yaml) =>
        System.Text.RegularExpressions.Regex.Matches(yaml, @"(?<=[\s:""])/(run|models|var|etc)/[A-Za-z0-9._/-]+").Select(match => match.Value);
}
