using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MoeLora.Cli;
using MoeLora.Cli.Terminals;
using MoeLora.Serving.Tests;

namespace MoeLora.Deploy.Tests.Documents;

/// <summary>The tables of <c>deploy/docs/capacity.md</c> are what <c>moelora plan</c> says.</summary>
public sealed partial class CapacityTests
{
    [Fact]
    public async Task Tables_AreWhatThePlanSays()
    {
        MarkdownFile document = MarkdownFile.All.Single(file => file.Path == "deploy/docs/capacity.md");
        using var directory = new TemporaryDirectory();
        string config = document.Blocks.Select(block => Config.Match(block.Text)).Single(match => match.Success).Groups[1].Value;
        Directory.CreateDirectory(directory["llama-2-7b"]);
        await File.WriteAllTextAsync(directory["llama-2-7b/config.json"], config);
        string[] rows = [.. document.Prose.Select(line => line.Text).Where(line => Row.IsMatch(line))];

        Assert.Equal(12, rows.Length);
        foreach (string row in rows)
        {
            Match named = Row.Match(row);
            string model = named.Groups[1].Value, weights = named.Groups[2].Value;
            string[] source = model == "llama-2-7b" ? ["--model", directory[model]] : ["--shape", model];
            JsonNode plan = await PlanAsync([.. source, "--weights", weights, "--rank", "16"]);

            Assert.Equal(
                $"| {model} | {weights} | {Mb("base_bytes")} | {Mb("bank_bytes")} | {Mb("merged_task_bytes")} | {plan["kv_position_bytes"]!.GetValue<long>().ToString("N0", CultureInfo.InvariantCulture)} | {Mb("kv_answer_bytes")} |",
                row);

            string Mb(string member) => (plan[member]!.GetValue<long>() / 1048576.0).ToString("N1", CultureInfo.InvariantCulture);
        }
    }

    private static async Task<JsonNode> PlanAsync(string[] options)
    {
        var output = new StringWriter();
        var errors = new StringWriter();
        int code = await MoeLoraProgram.RunAsync(["plan", .. options, "--json"], new Terminal { Out = output, Error = errors });
        Assert.True(code == 0, errors.ToString());
        return JsonNode.Parse(output.ToString())!;
    }

    [GeneratedRegex(@"^\| ([a-z0-9.-]+) \| (f32|bf16|q8) \|")]
    private static partial Regex Row { get; }

    [GeneratedRegex("<<END\\n(\\{.*\\})\\nEND")]
    private static partial Regex Config { get; }
}
