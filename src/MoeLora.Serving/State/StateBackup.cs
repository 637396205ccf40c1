using Microsoft.Data.Sqlite;
using MoeLora.Contracts.Auditing;
using MoeLora.Serving.Auditing;
using MoeLora.Serving.Auditing.Chain;

namespace MoeLora.Serving.State;

/// <summary>
/// A copy of a node's state directory, which a node may use meanwhile. The copy is a state directory itself: to restore it, it is put in the place of the old one.
/// What lies in a database of its own (PostgreSQL, or a file elsewhere) is not in it.
/// </summary>
public static class StateBackup
{
    private const string Bundles = "bundles";
    private const string Audit = "audit";
    private const string AuditKey = "audit.key";

    /// <summary>Writes the copy; it is there whole or not at all.</summary>
    /// <param name="state">The state directory.</param>
    /// <param name="target">A directory that is not there yet.</param>
    /// <param name="cancellation">Gives up.</param>
    /// <returns>What it holds.</returns>
    /// <exception cref="ArgumentException">There is no state here, or the target is there already.</exception>
    /// <exception cref="AuditTrailException">The audit trail is broken.</exception>
    /// <exception cref="IOException">Something cannot be read or written, or a database is damaged.</exception>
    public static StateBackupReport Write(string state, string target, CancellationToken cancellation = default)
    {
        if (!Directory.Exists(Path.Combine(state, Audit)))
            throw new ArgumentException($"'{state}' is no state directory: it holds no '{Audit}'.", nameof(state));
        if (Path.Exists(target))
            throw new ArgumentException($"'{target}' is there already; a backup goes into a directory of its own.", nameof(target));
        string unfinished = Path.TrimEndingDirectorySeparator(target) + ".unfinished";
        if (Directory.Exists(unfinished))
            Directory.Delete(unfinished, recursive: true);
        Directory.CreateDirectory(unfinished);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(unfinished, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        try
        {
            // Databases before bundles: a version is written only after its bundle is whole in the store, and bundles never go.
            string[] databases = [.. Directory.EnumerateFiles(state, "*.db").Order(StringComparer.Ordinal)];
            foreach (string database in databases)
                CopyDatabase(database, Path.Combine(unfinished, Path.GetFileName(database)));
            int bundles = CopyBundles(Path.Combine(state, Bundles), Path.Combine(unfinished, Bundles), cancellation);
            if (File.Exists(Path.Combine(state, AuditKey)))
                File.Copy(Path.Combine(state, AuditKey), Path.Combine(unfinished, AuditKey));
            AuditVerdict trail = TrailCopy.Write(Path.Combine(state, Audit), Path.Combine(unfinished, Audit), cancellation);
            Directory.Move(unfinished, target);
            return new StateBackupReport([.. databases.Select(database => Path.GetFileName(database))], bundles, trail.Records, new AuditHead(trail.LastSequence, trail.LastHash));
        }
        catch
        {
            Directory.Delete(unfinished, recursive: true);
            throw;
        }
    }

    // SQLite's own copy: what one transaction sees, whoever else writes.
    private static void CopyDatabase(string source, string target)
    {
        try
        {
            using SqliteConnection from = Open(source, SqliteOpenMode.ReadWrite), to = Open(target, SqliteOpenMode.ReadWriteCreate);
            from.BackupDatabase(to);
            using SqliteCommand check = to.CreateCommand();
            check.CommandText = "PRAGMA integrity_check";
            if (check.ExecuteScalar() is not "ok")
                throw new IOException($"The database '{source}' is damaged: PRAGMA integrity_check does not say ok.");
        }
        catch (SqliteException e)
        {
            throw new IOException($"The database '{source}' cannot be copied: {e.Message}", e);
        }
    }

    private static SqliteConnection Open(string file, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Mode = mode, Pooling = false, DefaultTimeout = 30 }.ConnectionString);
        connection.Open();
        return connection;
    }

    private static int CopyBundles(string source, string target, CancellationToken cancellation)
    {
        if (!Directory.Exists(source))
            return 0;
        Directory.CreateDirectory(target);
        string[] bundles = [.. Directory.EnumerateDirectories(source, "sha256-*")];
        foreach (string bundle in bundles)
        {
            string copy = Directory.CreateDirectory(Path.Combine(target, Path.GetFileName(bundle))).FullName;
            foreach (string file in Directory.EnumerateFiles(bundle, "*", SearchOption.AllDirectories))
            {
                cancellation.ThrowIfCancellationRequested();
                string place = Path.Combine(copy, Path.GetRelativePath(bundle, file));
                Directory.CreateDirectory(Path.GetDirectoryName(place)!);
                File.Copy(file, place);
            }
        }

        return bundles.Length;
    }
}

/// <summary>What a backup holds.</summary>
/// <param name="Databases">Names of SQLite files.</param>
/// <param name="Bundles">Number of bundles.</param>
/// <param name="Records">Records of the audit trail.</param>
/// <param name="Head">The trail's last record, to be kept elsewhere.</param>
public sealed record StateBackupReport(IReadOnlyList<string> Databases, int Bundles, long Records, AuditHead Head);
