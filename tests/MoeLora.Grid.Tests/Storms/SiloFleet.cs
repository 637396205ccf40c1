using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace MoeLora.Grid.Tests.Storms;

/// <summary>Silos as processes of this machine.</summary>
internal sealed class SiloFleet(string store, int silos, string child = SiloChild.Name) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly string _directory = Directory.CreateTempSubdirectory("moelora-fleet-").FullName;
    private readonly Member[] _members = [.. Enumerable.Range(0, silos).Select(_ => new Member(FreePort(), FreePort()))];

    public int Count => _members.Length;

    /// <summary>Where applications reach them.</summary>
    public IEnumerable<IPEndPoint> Gateways => _members.Select(member => new IPEndPoint(IPAddress.Loopback, member.GatewayPort));

    /// <summary>What all silos together have used.</summary>
    public TimeSpan ProcessorTime => _members.Aggregate(TimeSpan.Zero, (sum, member) =>
    {
        member.Process!.Refresh();
        return sum + member.Process.TotalProcessorTime;
    });

    /// <summary>Starts a silo, or starts it again after it was killed, and waits until its node answers.</summary>
    public async Task StartAsync(int silo)
    {
        Member member = _members[silo];
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in new[] { typeof(SiloFleet).Assembly.Location, child, $"s{silo}", Path.Combine(_directory, $"s{silo}"), store, $"{member.SiloPort}", $"{member.GatewayPort}" })
            start.ArgumentList.Add(argument);
        var process = Process.Start(start)!;
        var errors = new List<string>();
        process.ErrorDataReceived += (_, line) =>
        {
            lock (errors)
                errors.Add(line.Data ?? "");
        };
        process.BeginErrorReadLine();
        member.Process = process;
        string? said = await process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        lock (errors)
            Assert.True(said == "ready", $"Silo {silo} said '{said}': {string.Join('\n', errors)}");
    }

    /// <summary>Kills a silo as a power cut would.</summary>
    public async Task KillAsync(int silo)
    {
        Process process = _members[silo].Process!;
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        _members[silo].Process = null;
    }

    /// <summary>Starts the silos again that ended themselves because the others took them for dead, as a supervisor does.</summary>
    /// <returns>How many.</returns>
    public async Task<int> ReviveAsync()
    {
        int ended = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_members[i].Process is not { HasExited: true } process)
                continue;
            process.Dispose();
            await StartAsync(i);
            ended++;
        }

        return ended;
    }

    /// <summary>Has a silo carry out a command; null when it was killed meanwhile.</summary>
    public async Task<string?> CommandAsync(int silo, string command)
    {
        try
        {
            if (_members[silo].Process is not { } process)
                return null;
            await process.StandardInput.WriteLineAsync(command);
            await process.StandardInput.FlushAsync();
            return await process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        for (int i = 0; i < Count; i++)
        {
            if (_members[i].Process is not null)
                await KillAsync(i);
        }

        Directory.Delete(_directory, recursive: true);
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private sealed class Member(int siloPort, int gatewayPort)
    {
        public int SiloPort => siloPort;

        public int GatewayPort => gatewayPort;

        public Process? Process { get; set; }
    }
}
