using System.Diagnostics;
using Npgsql;

namespace MoeLora.Serving.Tests.Databases;

/// <summary>
/// A PostgreSQL server of these tests' own, in a temporary directory, reached by a socket in it alone, run by an unprivileged user (PostgreSQL refuses
/// to be root), ended with the process however that ends.
/// </summary>
internal sealed class PostgreSqlServer
{
    private const string User = "moelora";

    /// <summary>The shell's standard input ends with the process that holds its other end.</summary>
    private const string UntilInputEnds = "\"$@\" > \"$0/log\" 2>&1 & read -r _; kill -INT $!; wait; rm -rf \"$0\"";

    private static readonly string? Programs = FindPrograms();
    private static readonly Lazy<PostgreSqlServer> Started = new(() => new PostgreSqlServer(Programs!));

    private readonly string _directory;
    private readonly Process _process;
    private int _databases;

    private PostgreSqlServer(string programs)
    {
        _directory = TemporaryDirectory.Make("moelora-pg-");
        if (Environment.IsPrivilegedProcess)
            Finish(["chown", "nobody", _directory]);
        string data = Path.Combine(_directory, "data");
        Finish(Unprivileged([Path.Combine(programs, "initdb"), "-D", data, "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]));
        // Durability is tested with SQLite; here the tests' own files need none.
        _process = Run(
            ["/bin/sh", "-c", UntilInputEnds, _directory, .. Unprivileged([Path.Combine(programs, "postgres"), "-D", data, "-k", _directory, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"])]);
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
        _process.StandardInput.Close();
        _process.WaitForExit();
    }

    private static string[] Unprivileged(string[] command) => Environment.IsPrivilegedProcess ? ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", .. command] : command;

    private static Process Run(string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardInput = true, RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = "/" };
        start.Environment["LC_ALL"] = "C";
        return Process.Start(start)!;
    }

    private static void Finish(string[] command)
    {
        using Process process = Run(command);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string error = process.StandardError.ReadToEnd() + output.Result;
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{command[0]} failed: {error}");
    }

    private static string? FindPrograms()
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        string debian = "/usr/lib/postgresql";
        string[] packaged = Directory.Exists(debian) ? [.. Directory.GetDirectories(debian).OrderDescending(StringComparer.Ordinal).Select(version => Path.Combine(version, "bin"))] : [];
        return folders.Concat(packaged).FirstOrDefault(folder => File.Exists(Path.Combine(folder, "initdb")) && File.Exists(Path.Combine(folder, "postgres")));
    }
}
