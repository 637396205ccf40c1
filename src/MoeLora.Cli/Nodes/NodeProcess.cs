using MoeLora.Cli.Terminals;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway;
using MoeLora.Serving.Nodes;

namespace MoeLora.Cli.Nodes;

/// <summary>A node behind its gateway, for as long as the process runs.</summary>
internal static class NodeProcess
{
    /// <summary>Runs until it is cancelled, then lets running answers finish.</summary>
    /// <param name="settings">What the node is made of.</param>
    /// <param name="firstKeyFile">Where the first admin's key is written; null shows it on a terminal, and otherwise writes a file in the state directory.</param>
    /// <param name="terminal">Where it announces itself.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="CommandException">The configuration cannot be used, its devices are lost, or something of it is taken or broken.</exception>
    public static async Task RunAsync(NodeSettings settings, string? firstKeyFile, Terminal terminal, CancellationToken cancellation)
    {
        CommandException.ThrowIfAny(settings.FindProblems());
        NodeOptions options = settings.ToNode();
        GatewayOptions gateway = settings.ToGateway();
        await using RunningNode running = await RunningNode.OpenAsync(options, cancellation);
        if (running.Node.AuditNote is { } note)
            terminal.Error.WriteLine($"moelora: {note}");
        await CreateFirstKeyAsync(running.Node, firstKeyFile, options.StateDirectory, terminal, cancellation);
        await running.ListenAsync(gateway, cancellation: cancellation);
        string? lost = null;
        try
        {
            await running.StartAsync(terminal, cancellation);
            IReadOnlyCollection<string> administration = running.Server.AdministrationAddresses;
            terminal.Out.WriteLine($"Node '{options.Name}' answers on {string.Join(", ", running.Server.Addresses)}{(administration.Count > 0 ? $"; administration on {string.Join(", ", administration)}" : "")}");
            terminal.Out.Flush();
            lost = await running.UntilLostAsync(cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            terminal.Error.WriteLine("moelora: stopping; running answers may finish.");
        }

        await running.StopAsync(lost is null ? gateway.DrainDeadline : TimeSpan.Zero);
        // Its supervisor starts it again, and with it the device.
        if (lost is not null)
            throw new CommandException(lost);
    }

    private static void Show(NewApiKey first, Terminal terminal)
    {
        // Standard output, and only here: it is kept nowhere.
        terminal.Out.WriteLine("There are no tenants yet. The first admin's key, shown once:");
        terminal.Out.WriteLine($"  {first.Secret}");
        terminal.Out.Flush();
    }

    /// <summary>Makes the first admin's key where there are no tenants yet, and shows it on a terminal or keeps it in a file.</summary>
    public static async Task CreateFirstKeyAsync(Node node, string? file, string stateDirectory, Terminal terminal, CancellationToken cancellation)
    {
        // Standard output that is no terminal is often a log, which is kept and read by many.
        string? path = file ?? (terminal.OutIsTerminal ? null : Path.Combine(stateDirectory, AdminKeyFile.FirstName));
        using AdminKeyFile? kept = path is null ? null : new AdminKeyFile(path);
        if (await node.CreateFirstKeyAsync(cancellation) is not { } first)
            return;
        if (kept is null)
            Show(first, terminal);
        else
            terminal.Out.WriteLine($"There are no tenants yet. The first admin's key is in {kept.Keep(first)}; keep it elsewhere and delete the file.");
        terminal.Out.Flush();
    }
}
