using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using MoeLora.Grid.Tests;

namespace MoeLora.Silo.Tests;

/// <summary>The example of a hospital's own service, as processes, through the loss of a silo, its return and an upgrade.</summary>
public sealed class WardServiceTests
{
    private const string Query = "甲亢要看什么医生";
    private const string Dialogue = "患者：医生，最近总是发热。";
    private const string ReportTask = "IMCS-V2-MRG";
    private const int AtOnce = 12; // one after another on each silo, so that one is in the middle at nearly any moment

    [Fact]
    public async Task Reports_WhileTheirSiloIsKilledAndAnotherVersionIsActivated_AreThoseOfTheirDeclaredVersion()
    {
        string[] dialogues =
        [
            .. File.ReadLines(DemoFiles.Records).Select(line => JsonNode.Parse(line)!).Where(record => (string?)record["task_dataset"] == ReportTask)
                .Take(AtOnce).Select(record => (string)record["input"]!),
        ];
        await using SiloCluster cluster = await SiloCluster.StartAsync(2, sequences: 1);
        await using WardProgram ward = await WardProgram.StartAsync(cluster.Database);
        JsonNode triaged = await ward.AskAsync("/triage", Query), drafted = await ward.AskAsync("/draft", Dialogue);

        (List<WardReport> reports, int lost) = await KillInTheMiddleAsync(cluster, ward, dialogues);
        Assert.Equal(triaged["category"]!.ToString(), (await ward.AskAsync("/triage", Query))["category"]!.ToString());
        Assert.Equal(drafted.ToJsonString(), (await ward.AskAsync("/draft", Dialogue)).ToJsonString());

        await cluster.PublishAsync(2, 1 - lost);
        for (int silo = 0; silo < 2; silo++)
            await cluster.UntilKnownAsync(silo);
        Task<WardReport>[] during = [.. dialogues.Take(3).Select(ward.BeginAsync)];
        await cluster.ActivateAsync(2, lost);
        WardReport[] later = await Task.WhenAll(dialogues.Take(2).Select(ward.BeginAsync));

        Assert.Equal("1", drafted["version"]!.GetValue<string>());
        Assert.NotEqual("", drafted["text"]!.GetValue<string>());
        Assert.Equal("2", (await ward.AskAsync("/draft", Dialogue))["version"]!.GetValue<string>());
        Assert.All(reports, report => Assert.Equal("1", report.Version));
        Assert.All(later, report => Assert.Equal("2", report.Version));
        WardReport[] all = [.. reports, .. await Task.WhenAll(during), .. later];
        foreach (IGrouping<(string Dialogue, string Version), WardReport> same in all.GroupBy(report => (report.Dialogue, report.Version)))
        {
            string undisturbed = await UndisturbedAsync(cluster, same.Key.Dialogue, same.Key.Version);
            foreach (WardReport report in same)
                Assert.Equal(undisturbed, await report.ReadToEndAsync());
        }
    }

    /// <summary>Kills the silo that begins to answer, as soon as it does, and starts it again.</summary>
    /// <returns>The reports, of which it had given at least one in part; and which silo.</returns>
    private static async Task<(List<WardReport> Reports, int Lost)> KillInTheMiddleAsync(SiloCluster cluster, WardProgram ward, string[] dialogues)
    {
        var reports = new List<WardReport>();
        while (true)
        {
            Task<WardReport>[] asked = [.. dialogues.Select(ward.BeginAsync)];
            int lost = (await await Task.WhenAny(asked)).Silo == "silo-1" ? 0 : 1;
            await cluster.Silos[lost].KillAsync();
            await cluster.RestartAsync(lost);
            reports.AddRange(await Task.WhenAll(asked));
            string[] texts = await Task.WhenAll(reports.Select(report => report.ReadToEndAsync()));
            if (await CountContinuedAsync(cluster, texts) > 0)
                return (reports, lost);
            await cluster.UntilKnownAsync(lost); // it was too quick
        }
    }

    /// <summary>The reports that one silo began and another ended, by the records of those that ended them, each of which proves the whole text.</summary>
    private static async Task<int> CountContinuedAsync(SiloCluster cluster, string[] texts)
    {
        int continued = 0;
        for (int silo = 0; silo < 2; silo++)
        {
            byte[] key = await cluster.AuditKeyAsync(silo);
            string[] hashes = [.. texts.Select(text => Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text))))];
            foreach (JsonNode entry in (await cluster.AuditAsync(silo, "generate")).Where(entry => entry["begun_tokens"] is not null && entry["detail"]!.GetValue<string>() == "answered"))
            {
                continued++;
                Assert.Contains(entry["answer_hash"]!.GetValue<string>(), hashes);
            }
        }

        return continued;
    }

    private static async Task<string> UndisturbedAsync(SiloCluster cluster, string dialogue, string version)
    {
        (int status, JsonNode answer) = await cluster.AskAsync(0, $"{SiloCluster.Bank}/{ReportTask}@{version}", dialogue, 196);
        Assert.True(status == 200, answer.ToJsonString());
        return answer["choices"]![0]!["text"]!.GetValue<string>();
    }
}
