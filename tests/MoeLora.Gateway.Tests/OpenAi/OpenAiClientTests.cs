using System.Diagnostics;
using MoeLora.Gateway.Tests.Fakes;
using Xunit.Abstractions;

namespace MoeLora.Gateway.Tests.OpenAi;

/// <summary>OpenAI's own npm package works with the gateway unchanged: every check of tests/openai-client/check.mjs.</summary>
public sealed class OpenAiClientTests(ITestOutputHelper output)
{
    [NodeFact]
    public async Task OpenAIsPackage_WorksUnchanged()
    {
        var grid = new EchoGrid();
        var parts = new GatewayParts { Grid = grid, Tenants = Directory() };
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(parts);

        using Process node = Process.Start(new ProcessStartInfo("node", ["check.mjs", host.Client.BaseAddress!.ToString().TrimEnd('/'), "inference"])
        {
            WorkingDirectory = NodeFactAttribute.Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> errors = node.StandardError.ReadToEndAsync();
        string printed = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(5));

        output.WriteLine(printed);
        Assert.True(node.ExitCode == 0, printed + await errors);
        Assert.True(printed.Split('\n').Count(line => line.StartsWith("ok: ", StringComparison.Ordinal)) >= 20, printed);
        await grid.LeftEarly.WaitAsync(TimeSpan.FromMinutes(5));
    }

    private static FakeDirectory Directory()
    {
        var directory = new FakeDirectory();
        directory.Tenants[FakeDirectory.Ward] = directory.Tenants[FakeDirectory.Ward] with { Limits = Contracts.Tenants.TenantLimits.None };
        return directory;
    }
}
