using System.Text.Json;
using MoeLora.Deploy.Tests.Charts;
using NJsonSchema;
using NJsonSchema.Validation;

namespace MoeLora.Deploy.Tests;

/// <summary>Which values the chart takes.</summary>
public sealed class ChartValuesTests
{
    private static readonly JsonSchema Schema = JsonSchema.FromJsonAsync(Repository.Read("helm", "moelora-grid", "values.schema.json")).Result;

    public static TheoryData<string> Examples => ChartExamples.Names;

    [Theory]
    [MemberData(nameof(Examples))]
    public void Values_OfEachExample_MeetTheSchema(string example) => Assert.Empty(Problems(ChartExamples.Values(example)));

    [Theory]
    [InlineData("image.digest", "sha256:12", "image.digest")]
    [InlineData("cluster.clustering", "zookeeper", "cluster.clustering")]
    [InlineData("cluster.tls.enabled", "'true'", "cluster.tls.enabled")]
    [InlineData("cluster.tls.certManager.duration", "1 year", "cluster.tls.certManager.duration")]
    [InlineData("silo.drain_seconds", "0", "silo.drain_seconds")]
    [InlineData("silo.drainSeconds", "300", "silo.drainSeconds")]
    [InlineData("silo.max_bundle_mb", "4096", "silo.max_bundle_mb")]
    [InlineData("silo.oidc", "{ issuer: 'http://id', audience: a }", "silo.oidc.issuer")]
    [InlineData("public.port", "80", "public.port")]
    [InlineData("pools", "[]", "pools")]
    [InlineData("pools.0.name", "'CPU pool'", "pools[0].name")]
    [InlineData("pools.0.replicas", "-1", "pools[0].replicas")]
    [InlineData("pools.0.bases", "[]", "pools[0].bases")]
    [InlineData("pools.0.bases.0.model", "models/base", "pools[0].bases[0].model")]
    [InlineData("pools.0.bases.0.weights", "int4", "pools[0].bases[0].weights")]
    [InlineData("pools.0.bases.0.wieghts", "q8", "pools[0].bases[0].wieghts")]
    [InlineData("pools.0.autoscaling", "{ enabled: true, kind: vpa }", "pools[0].autoscaling.kind")]
    [InlineData("pools.0.maxUnavailable", "0", "pools[0].maxUnavailable")]
    [InlineData("pools.0.maxUnavailable", "half", "pools[0].maxUnavailable")]
    [InlineData("networkPolicy.admin", "[{}]", "networkPolicy.admin[0]")]
    [InlineData("networkPolicy.dnsPorts", "[]", "networkPolicy.dnsPorts")]
    [InlineData("monitoring.servicemonitor", "{ enabled: true }", "monitoring.servicemonitor")]
    public void Values_ThatAreWrong_AreRefusedByTheirKey(string path, string yaml, string key) =>
        Assert.Contains(Problems(ChartExamples.Values("cpu", path, yaml)), problem => problem.StartsWith($"{key}: ", StringComparison.Ordinal));

    [Theory]
    [InlineData("cpu", "cluster.database", "{ secret: '' }", "cluster.database.secret: name the secret that holds PostgreSQL's connection string")]
    [InlineData("cpu", "cluster.clustering", "redis", "cluster.redis.secret: name the secret that holds Redis's connection string")]
    [InlineData("cpu", "cluster", "{ clustering: redis, storage: redis, redis: { secret: moelora-redis } }", "cluster.tenants.secret: tenants and keys need PostgreSQL")]
    [InlineData("tls", "cluster.tls.certManager", "{ enabled: false }", "cluster.tls.secret: name a secret with tls.crt, tls.key and ca.crt")]
    [InlineData("cpu", "networkPolicy.enabled", "false", "cluster.tls.enabled: without network policies whoever reaches a silo is part of the cluster; enable one of both.")]
    [InlineData("cpu", "models", "{ claim: '' }", "models.claim: name a PersistentVolumeClaim")]
    [InlineData("everything", "models.claim", "models", "models: give claim or fetch, not both")]
    [InlineData("tls", "monitoring.serviceMonitor.key", "{ secret: '' }", "monitoring.serviceMonitor.key.secret: name the secret")]
    [InlineData("tls", "networkPolicy.admin", "[]", "networkPolicy.admin: name Prometheus's pods or namespace")]
    [InlineData("cpu", "silo.oidc", "{ issuer: 'https://id.hospital', audience: moelora }", "networkPolicy.egress: let silos out to the issuer of tokens")]
    [InlineData("cpu", "silo.otlp", "http://collector:4318", "networkPolicy.egress: let silos out to the issuer of tokens")]
    [InlineData("everything", "ingress.host", "''", "ingress.host: name the host")]
    [InlineData("gpu", "pools.0.gpu", "{ count: 2 }", "pool h100: gpu.resource: name the resource")]
    [InlineData("everything", "pools.0.autoscaling", "{ enabled: true }", "pool cpu: autoscaling.prometheus: give Prometheus's address")]
    public void Values_ThatDoNotGoTogether_AreRefusedWithWhatToName(string example, string path, string yaml, string message)
    {
        Dictionary<string, object?> values = ChartExamples.Values(example, path, yaml);
        Assert.Empty(Problems(values)); // it is the chart that refuses them, not the schema

        Assert.StartsWith(message, Assert.Throws<ChartException>(() => ChartExamples.Chart.Render(values)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Schema_KnowsEveryKeyOfTheChartsOwnValues()
    {
        // The chart's own values lack only what nobody can know: the schema refuses none of its keys.
        Dictionary<string, object?> own = YamlTree.Map(Repository.Read("helm", "moelora-grid", "values.yaml"));

        Assert.Empty(Problems(own));
        Assert.Equal(own.Keys.Append("global").Order(StringComparer.Ordinal), Schema.Properties.Keys.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Problems(Dictionary<string, object?> values) =>
        Flatten(Schema.Validate(JsonSerializer.Serialize(ChartExamples.Chart.ValuesWith(values)))).Select(error => $"{error.Path?[2..].Replace("/", ".", StringComparison.Ordinal)}: {error.Kind}").Distinct();

    private static IEnumerable<ValidationError> Flatten(IEnumerable<ValidationError> errors) =>
        errors.SelectMany(error => error is ChildSchemaValidationError nested ? [error, .. Flatten(nested.Errors.SelectMany(pair => pair.Value))] : (IEnumerable<ValidationError>)[error]);
}
