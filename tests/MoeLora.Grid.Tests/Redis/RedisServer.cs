using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using MoeLora.Serving.Tests;
using StackExchange.Redis;

namespace MoeLora.Grid.Tests.Redis;

/// <summary>A Redis server of these tests' own, on a free port of this machine alone, in a temporary directory, ended with the process however that ends.</summary>
internal sealed class RedisServer
{
    private const string Name = "redis-server";
    private const int MostDatabases = 1000;

    /// <summary>The shell's standard input ends with the process that holds its other end.</summary>
    private const string UntilInputEnds = "\"$@\" & read -r _; kill -9 $!; rm -rf \"$0\"";

    private static readonly string? Program = FindProgram();
    private static readonly Lazy<RedisServer> Started = new(() => new RedisServer(Program!));

    private readonly string _directory = TemporaryDirectory.Make("moelora-redis-");
    private readonly int _port = FreePort();
    private readonly Process _process;
    private int _databases;

    private RedisServer(string program)
    {
        // Nothing is written to the disk: what a test keeps need not outlive it.
        _process = Process.Start(new ProcessStartInfo(
            "/bin/sh",
            [
                "-c", UntilInputEnds, _directory, program, "--port", $"{_port}", "--bind", "127.0.0.1", "--dir", _directory,
                "--save", "", "--appendonly", "no", "--databases", $"{MostDatabases}", "--loglevel", "warning",
            ])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        WaitUntilReady();
    }

    /// <summary>Why there is none; null when there is one.</summary>
    public static string? Missing => Program is null ? $"Redis's program ({Name}) is not there; on Debian: apt-get install {Name}" : null;

    /// <summary>A new, empty database, as StackExchange.Redis reads it.</summary>
    public static string NewDatabase()
    {
        RedisServer server = Started.Value;
        return string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{server._port},defaultDatabase={Interlocked.Increment(ref server._databases)}");
    }

    private void WaitUntilReady()
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                using var connection = ConnectionMultiplexer.Connect($"127.0.0.1:{_port}");
                return;
            }
            catch (RedisConnectionException) when (waited.Elapsed < TimeSpan.FromSeconds(30) && !_process.HasExited)
            {
                Thread.Sleep(20); // another program's start: there is nothing to wait on but its answer
            }
        }
    }

    private static string? FindProgram() => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Select(folder => Path.Combine(folder, Name)).FirstOrDefault(File.Exists);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
