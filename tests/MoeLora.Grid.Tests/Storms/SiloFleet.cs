using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using MoeLora.Grid.Hosting;

namespace MoeLora.Grid.Tests.Storms;

/// <summary>Silos as processes of this machine.</summary>
/// <param name="store">What members and grains are kept in, as <see cref="SiloChild"/> reads it.</param>
/// <param name="silos">How many.</param>
/// <param name="detection">How soon one counts as dead.</param>
/// <param name="child">Which program they run.</param>
/// <param name="more">What else that program is told.</param>
internal sealed class SiloFleet(string store, int silos, FailureDetection detection, string child = SiloChild.Name, params int[] more) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Away = TimeSpan.FromSeconds(1);

    private readonly string _directory = Directory.CreateTempSubdirectory("moelora-fleet-").FullName;
    private readonly Member[] _members = [.. Enumerable.Range(0, silos).Select(_ => new Member(FreePort(), FreePort()))];

    public int Count => _members.Length;

    /// <summary>Those that answer.</summary>
    public int[] Running => [.. Enumerable.Range(0, Count).Where(i => _members[i] is { IsReady: true, Process.HasExited: false })];

    /// <summary>What silos said that ended without being killed, because the others took them for dead.</summary>
    public List<string> EndedThemselves { get; } = [];

    /// <summary>What all silos together have used.</summary>
    public TimeSpan ProcessorTime => _members.Aggregate(TimeSpan.Zero, (sum, member) =>
    {
        member.Process!.Refresh();
        return sum + member.Process.TotalProcessorTime;
    });

    public static string NameOf(int silo) => $"s{silo}";

    /// <summary>Starts all.</summary>
    public Task StartAsync() => Task.WhenAll(Enumerable.Range(0, Count).Select(StartAsync));

    /// <summary>Starts a silo, or starts it again after it was killed, and waits until its node answers.</summary>
    public async Task StartAsync(int silo) => Assert.Null(await TryStartAsync(silo));

    /// <summary>Kills a silo as a power cut would.</summary>
    public async Task KillAsync(int silo)
    {
        Member member = _members[silo];
        if (member.Process is not { } process)
            return;
        (member.Process, member.IsReady) = (null, false);
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }

    /// <summary>Sends a silo a signal, such as STOP.</summary>
    public async Task SignalAsync(int silo, string signal)
    {
        using var kill = Process.Start("kill", ["-s", signal, _members[silo].Process!.Id.ToString(CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync();
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Waits until a silo has ended itself.</summary>
    public Task ExitAsync(int silo) => _members[silo].Process!.WaitForExitAsync().WaitAsync(Patience);

    /// <summary>Starts silos again that were killed or ended themselves, as a supervisor does, until it is cancelled; those that just start are waited for.</summary>
    public Task SuperviseAsync(CancellationToken end) => Task.WhenAll(Enumerable.Range(0, Count).Select(async silo =>
    {
        while (!end.IsCancellationRequested)
        {
            await Task.Delay(Look, CancellationToken.None);
            if (_members[silo] is { IsReady: true, Process.HasExited: false })
                continue;
            await EndAsync(silo, "");
            await Task.Delay(Away, CancellationToken.None); // the others must do without it for a while
            while (await TryStartAsync(silo) is { } problem)
                await EndAsync(silo, problem);
        }
    }));

    /// <summary>Has a silo carry out a command; null when it is not there, or was lost meanwhile.</summary>
    public async Task<string?> CommandAsync(int silo, string command)
    {
        try
        {
            if (_members[silo] is not { IsReady: true, Process: { } process })
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

    /// <returns>Why it did not start; null when it did.</returns>
    private async Task<string?> TryStartAsync(int silo)
    {
        Member member = _members[silo];
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] arguments = [typeof(SiloFleet).Assembly.Location, child, NameOf(silo), Path.Combine(_directory, NameOf(silo)), store, $"{member.SiloPort}", $"{member.GatewayPort}", $"{detection}", .. more.Select(number => $"{number}")];
        foreach (string argument in arguments)
            start.ArgumentList.Add(argument);
        var process = Process.Start(start)!;
        lock (member.Errors)
            member.Errors.Clear();
        process.ErrorDataReceived += (_, line) =>
        {
            lock (member.Errors)
                member.Errors.Add(line.Data ?? "");
        };
        process.BeginErrorReadLine();
        member.Process = process;
        string? said = await process.StandardOutput.ReadLineAsync().WaitAsync(Patience);
        member.IsReady = said == "ready";
        return member.IsReady ? null : $"Silo {silo} said '{said}': {member.Said}";
    }

    /// <summary>Puts away the process of a silo that has ended.</summary>
    private async Task EndAsync(int silo, string problem)
    {
        Member member = _members[silo];
        if (member.Process is not { } process)
            return;
        (member.Process, member.IsReady) = (null, false);
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
        lock (EndedThemselves)
            EndedThemselves.Add(problem.Length > 0 ? problem : member.Said);
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

        /// <summary>Whether its node answers.</summary>
        public bool IsReady { get; set; }

        /// <summary>Its standard error.</summary>
        public List<string> Errors { get; } = [];

        public string Said
        {
            get
            {
                lock (Errors)
                    return string.Join('\n', Errors);
            }
        }
    }
}
