using System.Text.Json;
using System.Text.Json.Nodes;

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
    public void Scaling_AsksForAMetricThatThereIs()
    {
        List<Dictionary<string, object?>> manifests = ChartExamples.Chart.Manifests(ChartExamples.Values("everything"));

        Assert.Empty(Metrics.Unknown(manifests.Single(manifest => manifest.Text("kind") == "ScaledObject").Text("spec", "triggers", "0", "metadata", "query")!));
        Assert.Contains(manifests.Single(manifest => manifest.Text("kind") == "HorizontalPodAutoscaler").Text("spec", "metrics", "0", "pods", "metric", "name")!, Metrics.Names);
    }

    private static JsonObject Dashboard() => JsonNode.Parse(Repository.Read("helm", "moelora-grid", "dashboards", "moelora-grid.json"))!.AsObject();
}
