using System.Text.Json.Nodes;

namespace MoeLora.Silo.Tests;

/// <summary>Each silo's trail holds what was asked of that silo: commands, and requests that no node was asked for.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ClusterAuditTests(SharedCluster shared)
{
    private SiloCluster Cluster => shared.Cluster;

    [Fact]
    public async Task Commands_AreOnRecord_WhereTheyWereGiven_WithWhoGaveThem()
    {
        (int refused, _) = await Cluster.Silos[1].SendAsync(HttpMethod.Post, new Uri(Cluster.Silos[1].Administration, $"/admin/v1/banks/{SiloCluster.Bank}/versions/99/activate"), Cluster.Admin);
        Assert.Equal(404, refused);

        JsonNode[] one = await ByPeopleAsync(0), two = await ByPeopleAsync(1);
        JsonNode publish = Assert.Single(one);
        Assert.Equal(("publish", true, "1"), (Text(publish, "detail"), publish["succeeded"]!.GetValue<bool>(), Text(publish, "version")));
        Assert.Equal(["activate", "activate"], two.Select(entry => Text(entry, "detail")));
        Assert.Equal([true, false], two.Select(entry => entry["succeeded"]!.GetValue<bool>()));
        Assert.Equal(["1", "99"], two.Select(entry => Text(entry, "version")));
        string key = (await Cluster.SendAsync(HttpMethod.Get, 0, "/admin/v1/caller"))!["subject"]!.GetValue<string>();
        Assert.All([publish, .. two], entry => Assert.Equal(("admin", key, SiloCluster.Bank), (Text(entry, "tenant"), Text(entry, "subject"), Text(entry, "bank"))));
    }

    [Fact]
    public async Task Request_ForATaskThatIsNotThere_IsOnRecordWhereItWasMade_WithoutItsText()
    {
        (int status, _) = await Cluster.AskAsync(1, "zebra-4711", "发热", 1);

        Assert.Equal(404, status);
        JsonNode entry = Assert.Single(await RefusalsAsync(1), entry => Text(entry, "detail") == "model_not_found");
        Assert.Equal("admin", Text(entry, "tenant"));
        Assert.NotNull(entry["prompt_hash"]);
        Assert.DoesNotContain("zebra-4711", entry.ToJsonString(), StringComparison.Ordinal);
        Assert.DoesNotContain(await RefusalsAsync(0), other => Text(other, "detail") == "model_not_found");
    }

    [Fact]
    public async Task Request_AboveAQuota_IsOnRecordOnce()
    {
        var key = await Cluster.NewKeyAsync("ward-9", "inference", new { enabled = true, requests_per_minute = 1, weight = 1 });
        int first = (await Cluster.AskAsync(0, "demo/MedDG", "发热", 1, key)).Status;

        int second = (await Cluster.AskAsync(1, "demo/MedDG", "发热", 1, key)).Status;

        Assert.Equal((200, 429), (first, second));
        JsonNode entry = Assert.Single([.. await RefusalsAsync(0), .. await RefusalsAsync(1)], entry => Text(entry, "tenant") == "ward-9");
        Assert.Equal(("rate_limited", "demo", "MedDG"), (Text(entry, "detail"), Text(entry, "bank"), Text(entry, "task_name")));
    }

    /// <summary>Commands, without what the silo itself does to follow the gate.</summary>
    private async Task<JsonNode[]> ByPeopleAsync(int silo) => [.. (await Cluster.AuditAsync(silo, "rollout")).Where(entry => Text(entry, "tenant") != "local")];

    private async Task<JsonNode[]> RefusalsAsync(int silo) => [.. (await Cluster.AuditAsync(silo, "generate")).Where(entry => !entry["succeeded"]!.GetValue<bool>())];

    private static string? Text(JsonNode entry, string name) => entry[name]?.GetValue<string>();
}
