using System.Diagnostics;
using Npgsql;

namespace MoeLora.Serving.Tests.Databases;

/// <summary>
/// A PostgreSQL server of these tests' own, in a temporary directory, reached by a socket in it alone, run by an unprivileged user (PostgreSQL refuses
/// to be root), ended with the process.
/// </summary>
internal sealed class PostgreSqlServer
{
    private const string User = "moelora";

    private static readonly string? Programs = FindPrograms();
    private static readonly Lazy<PostgreSqlServer> Started = new(() => new PostgreSqlServer(Programs!));

    private readonly string _directory;
    private readonly Process _process;
    private int _databases;

    private PostgreSqlServer(string programs)
    {
        _directory = TemporaryDirectory.Make("moelora-pg-");
        if (Environment.IsPrivilegedProcess)
            Run("chown", "nobody", _directory);
        string data = Path.Combine(_directory, "data");
        RunUnprivileged(Path.Combine(programs, "initdb"), "-D", data, "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync");
        // Durability is tested with SQLite; here the tests' own files need none.
        _process = Start(Path.Combine(programs, "postgres"), "-D", data, "-k", _directory, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Stop();
        WaitUntilReady();
    }

    /// <summary>Why there is none; null when there is one.</summary>
    public static string? Missing => Programs is null ? "PostgreSQL's programs (initdb, postgres) are not there; on Debian: apt-get install postgresql" : null;

    /// <summary>The connection string of a new, empty database.</summary>
    public static string NewDatabase()
    {
        PostgreSqlServer server = Started.Value;
        string name = $"test_{Interlocked.Increment(ref server._databases)}";
        server.Execute($"CREATE DATABASE {name}");
        return server.Connection(name);
    }

    private string Connection(string database) =>
        new NpgsqlConnectionStringBuilder { Host = _directory, Database = database, Username = User, Pooling = false }.ConnectionString;

    private void Execute(string command)
    {
        using var connection = new NpgsqlConnection(Connection("postgres"));
        connection.Open();
        using NpgsqlCommand run = connection.CreateCommand();
        run.CommandText = command;
        run.ExecuteNonQuery();
    }

    private void WaitUntilReady()
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                Execute("SELECT 1");
                return;
            }
            catch (NpgsqlException) when (waited.Elapsed < TimeSpan.FromSeconds(30) && !_process.HasExited)
            {
                Thread.Sleep(20); // another program's start: there is nothing to wait on but its answer
            }
        }
    }

    private void Stop()
    {
        _process.Kill(); // the server's other processes end with it
        _process.WaitForExit();
        Directory.Delete(_directory, recursive: true);
    }

    private static void RunUnprivileged(params string[] command)
    {
        using Process process = Start(command);
        Finish(process, command[0]);
    }

    private static void Run(params string[] command)
    {
        using Process process = Process.Start(Describe(command))!;
        Finish(process, command[0]);
    }

    private static Process Start(params string[] command) =>
        Process.Start(Describe(Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", .. command] : command))!;

    private static ProcessStartInfo Describe(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = "/" };
        start.Environment["LC_ALL"] = "C";
        return start;
    }

    private static void Finish(Process process, string name)
    {
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd() + output.Result;
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{name} failed: {error}");
    }

    private static string? FindPrograms()
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        string debian = "/usr/lib/postgresql";
        string[] packaged = Directory.Exists(debian) ? [.. Directory.GetDirectories(debian).OrderDescending(StringComparer.Ordinal).Select(version => Path.Combine(version, "bin"))] : [];
        return folders.Concat(packaged).FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")));
    }
}
