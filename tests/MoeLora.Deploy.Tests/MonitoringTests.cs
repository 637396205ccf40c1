using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests;

/// <summary>Dashboards, alerts and scaling ask for metrics that there are.</summary>
public sealed class MonitoringTests
{
    [Fact]
    public void Metrics_OfTelemetry_AreAllFound() => Assert.Equal(
        Repository.Read("src", "MoeLora.Contracts", "Telemetry.cs").Split("= \"moelora.").Length - 1,
        Metrics.Names.Count(name => !name.EndsWith("_sum", StringComparison.Ordinal) && !name.EndsWith("_count", StringComparison.Ordinal)));

    [Fact]
    public void Query_WithAMetricOrLabelThatIsNot_IsFound() => Assert.Equal(
        ["moelora_requests", "tsak"], Metrics.Unknown("sum by (tsak) (rate(moelora_requests[5m])) / sum(moelora_engine_waiting{base_model=~\"a\"})"));

    [Fact]
    public void Dashboard_AsksForMetricsThatThereAre()
    {
        JsonArray panels = Dashboard()["panels"]!.AsArray();
        string[] queries = [.. panels.SelectMany(panel => panel!["targets"]?.AsArray() ?? []).Select(target => target!["expr"]!.GetValue<string>())];

        Assert.True(queries.Length > 20);
        Assert.All(queries, query => Assert.Empty(Metrics.Unknown(query)));
        Assert.All(Dashboard()["templating"]!["list"]!.AsArray().Where(variable => variable!["type"]!.GetValue<string>() == "query"), variable => Assert.Empty(Metrics.Unknown(variable!["query"]!["query"]!.GetValue<string>())));
    }

    [Fact]
    public void Dashboard_PanelsDoNotOverlapAndHaveNumbersOfTheirOwn()
    {
        JsonNode[] panels = [.. Dashboard()["panels"]!.AsArray().Select(panel => panel!)];
        var taken = new HashSet<(int, int)>();
        foreach (JsonElement place in panels.Select(panel => panel["gridPos"]!.Deserialize<JsonElement>()))
        {
            (int x, int y, int w, int h) = (place.GetProperty("x").GetInt32(), place.GetProperty("y").GetInt32(), place.GetProperty("w").GetInt32(), place.GetProperty("h").GetInt32());
            Assert.True(x + w <= 24);
            Assert.All(from column in Enumerable.Range(x, w) from line in Enumerable.Range(y, h) select (column, line), cell => Assert.True(taken.Add(cell)));
        }

        Assert.Equal(panels.Length, panels.Select(panel => panel["id"]!.GetValue<int>()).Distinct().Count());
    }

    [Fact]
    public void Alerts_AskForMetricsThatThereAre()
    {
        Dictionary<string, object?> alerts = YamlTree.Map(Repository.Read("deploy", "compose", "alerts.yaml"));

        Assert.All(alerts.List("groups", "moelora", "rules"), rule =>
        {
            Assert.Empty(Metrics.Unknown(rule.Text("expr")!));
            Assert.NotNull(rule.Text("annotations", "summary"));
        });
    }

    [Fact]
    public void Failures_AreTheOutcomesWithAStatusOf500AndMore()
    {
        // The codes of ApiError: what callers can mend or what limits refuse is no failure of the grid.
        string source = Repository.Read("src", "MoeLora.Gateway", "Errors", "ApiError.cs");
        string[] failures = [.. Regex.Matches(source, "Status50[0-9][A-Za-z]+, ServerType, \"([a-z_]+)\"").Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal)];
        string[] limits = [.. Regex.Matches(source, "Status429[A-Za-z]+, \"rate_limit_error\", \"([a-z_]+)\"").Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal)];
        Dictionary<string, object?>[] rules = [.. YamlTree.Map(Repository.Read("deploy", "compose", "alerts.yaml")).List("groups", "moelora", "rules").Cast<Dictionary<string, object?>>()];

        Assert.Equal((5, 2), (failures.Length, limits.Length));
        Assert.Equal(failures, Outcomes(rules.Single(rule => rule.Text("alert") == "MoeLoraRequestsFail").Text("expr")!));
        Assert.Equal(limits, Outcomes(rules.Single(rule => rule.Text("alert") == "MoeLoraRequestsRefusedByLimits").Text("expr")!));
        Assert.Equal(failures, Outcomes(Dashboard()["panels"]!.AsArray().SelectMany(panel => panel!["targets"]?.AsArray() ?? []).Select(target => target!["expr"]!.GetValue<string>()).Single(query => query.Contains("{outcome=~", StringComparison.Ordinal))));
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("tls")]
    public void SilosThatAreDown_AreFoundUnderTheJobsOfComposeAndTheChart(string example)
    {
        string query = YamlTree.Map(Repository.Read("deploy", "compose", "alerts.yaml")).List("groups", "moelora", "rules")[0].Text("expr")!;
        string jobs = Regex.Match(query, "job=~\"([^\"]+)\"").Groups[1].Value;

        // The operator names a job after its service.
        string[] names = [YamlTree.Map(Repository.Read("deploy", "compose", "prometheus.yaml")).List("scrape_configs").Single().Text("job_name")!,
            .. ChartExamples.Chart.Manifests(ChartExamples.Values(example)).Where(manifest => manifest.Text("kind") == "Service" && manifest.Text("metadata", "labels", "app.kubernetes.io/component") == "admin").Select(service => service.Text("metadata", "name")!)];
        Assert.Equal(2, names.Length);
        Assert.All(names, name => Assert.Matches($"^({jobs})$", name));
    }

    [Fact]
    public void Scaling_AsksForAMetricThatThereIs()
    {
        List<Dictionary<string, object?>> manifests = ChartExamples.Chart.Manifests(ChartExamples.Values("everything"));

        Assert.Empty(Metrics.Unknown(manifests.Single(manifest => manifest.Text("kind") == "ScaledObject").Text("spec", "triggers", "0", "metadata", "query")!));
        Assert.Contains(manifests.Single(manifest => manifest.Text("kind") == "HorizontalPodAutoscaler").Text("spec", "metrics", "0", "pods", "metric", "name")!, Metrics.Names);
    }

    private static IEnumerable<string> Outcomes(string query) => Regex.Match(query, "outcome=~\"([^\"]+)\"").Groups[1].Value.Split('|').Order(StringComparer.Ordinal);

    private static JsonObject Dashboard() => JsonNode.Parse(Repository.Read("helm", "moelora-grid", "dashboards", "moelora-grid.json"))!.AsObject();
}
