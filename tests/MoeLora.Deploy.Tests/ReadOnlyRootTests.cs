using System.Diagnostics;
using MoeLora.Serving.Tests;

namespace MoeLora.Deploy.Tests;

/// <summary>The published programs in their containers' layout: in the long form, as root on Linux.</summary>
public sealed class ReadOnlyRootTests
{
    [LongRootFact("setpriv")]
    public async Task Node_WithAReadOnlyRootAndNoRights_AnswersAndKeepsItsState() =>
        await StartAsync("MoeLora.Cli", ["/app/moelora", "serve", "--config", "/etc/moelora/node.yaml"], "node.yaml", """
            state: /var/lib/moelora
            public: { urls: ["http://127.0.0.1:18480"] }
            admin: { urls: ["http://127.0.0.1:18481"] }
            bases: [{ model: /models/base }]
            """);

    [LongRootFact("setpriv")]
    public async Task Silo_WithAReadOnlyRootAndNoRights_AnswersAndKeepsItsState() =>
        await StartAsync("MoeLora.Silo", ["/app/moelora-silo", "--config", "/etc/moelora/silo.yaml"], "silo.yaml", """
            name: ${POD_NAME}
            state: /var/lib/moelora
            public: { urls: ["http://127.0.0.1:18480"] }
            admin: { urls: ["http://127.0.0.1:18481"] }
            bases: [{ model: /models/base }]
            cluster: { address: "${POD_IP}", silo_port: 18411, gateway_port: 18430 }
            """);

    [LongRootFact("ip", "redis-server", "setpriv")]
    public async Task Silos_WithTheCompositionsConfiguration_AnswerAsOneAndOutliveOne()
    {
        using var directory = new TemporaryDirectory();
        await PublishAsync("MoeLora.Silo", directory["app"]);
        Directory.CreateDirectory(directory["work"]);

        (int code, string output) = await Commands.RunAsync(Repository.At("tests", "MoeLora.Deploy.Tests", "compose-silos.sh"), [directory["app"], directory["work"]]);

        Assert.True(code == 0, output);
    }

    /// <summary>Publishes a program as the Dockerfile does.</summary>
    private static async Task PublishAsync(string project, string directory)
    {
        (int code, string output) = await Commands.RunAsync("dotnet", ["publish", Repository.At("src", project), "-c", "Release", "-o", directory, "-p:PublishReadyToRun=true", "--self-contained", "false", "-v", "q"]);
        Assert.True(code == 0, output);
    }

    private static async Task StartAsync(string project, string[] command, string file, string yaml)
    {
        using var directory = new TemporaryDirectory();
        await PublishAsync(project, directory["app"]);
        Directory.CreateDirectory(directory["config"]);
        Directory.CreateDirectory(directory["state"]);
        await File.WriteAllTextAsync(directory[$"config/{file}"], yaml);
        var start = new ProcessStartInfo(
            Repository.At("tests", "MoeLora.Deploy.Tests", "read-only-root.sh"),
            [directory["app"], Repository.At("deploy", "demo", "files"), directory["config"], directory["state"], .. command])
        { RedirectStandardOutput = true };
        (start.Environment["POD_NAME"], start.Environment["POD_IP"], start.Environment["PASS"]) = ("grid-cpu-0", "127.0.0.1", "POD_NAME POD_IP");
        using Process process = Process.Start(start)!;
        try
        {
            string said = "";
            using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(3));
            while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line && !(said += line + "\n").Contains("answers on", StringComparison.Ordinal))
            {
            }

            Assert.Contains("answers on", said, StringComparison.Ordinal);
            using var http = new HttpClient();
            foreach (string path in (string[])["healthz", "readyz", "readyz/own"])
                Assert.Equal("OK", (await http.GetAsync($"http://127.0.0.1:18481/{path}")).StatusCode.ToString());
            (int healthy, string _) = await Commands.RunAsync(Repository.At("deploy", "image", "healthy.sh"), [], new Dictionary<string, string> { ["MOELORA_HEALTH_PORT"] = "18481" });
            Assert.Equal(0, healthy);
            Assert.True(File.Exists(directory["state/first-admin-key"]));
        }
        finally
        {
            (await Commands.RunAsync("kill", ["-TERM", $"{process.Id}"])).ToString();
            await process.WaitForExitAsync();
        }

        Assert.Equal(0, process.ExitCode); // it ended in order, as a container that is stopped does
    }
}
