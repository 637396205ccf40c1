using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Serving.Auditing.Chain;

namespace MoeLora.Serving.Auditing;

/// <summary>
/// The audit trail of one node in files of its own: see the README for their bytes. Appenders share commits: while one commit is flushed to the
/// disk, the next one gathers, so the trail takes as many records a second as the disk takes flushes, times the appenders at once.
/// </summary>
public sealed class AuditTrail : IAuditTrail, IAsyncDisposable
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(10);

    private readonly Meter _meter = new(Telemetry.ServingMeter);
    private readonly Counter<long> _records;
    private readonly AuditTrailOptions _options;
    private readonly FileStream _lockFile;
    private readonly AuditWriter _writer;
    private readonly Thread _thread;
    private readonly AutoResetEvent _wake = new(false);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _gate = new();
    private List<Waiting> _waiting = [];
    private bool _stopped;
    private volatile Exception? _failure;
    private long _commitBegan; // timestamp; 0 while none is under way

    private AuditTrail(AuditTrailOptions options, FileStream lockFile, AuditWriter writer, string? note)
    {
        (_options, _lockFile, _writer, OpeningNote) = (options, lockFile, writer, note);
        _records = _meter.CreateCounter<long>(Telemetry.AuditRecords, null, "Records of the audit trail.");
        _thread = new Thread(Run) { IsBackground = true, Name = "audit" };
        _thread.Start();
    }

    /// <summary>What was mended when the trail was opened, for the node's log; null for nothing. The trail holds a record of it too.</summary>
    public string? OpeningNote { get; }

    /// <summary>The last durable record. Kept elsewhere from time to time, it proves later that the trail was not cut before it.</summary>
    public AuditHead Head => _writer.Written.Head;

    /// <inheritdoc/>
    public string? Problem
    {
        get
        {
            if (_failure is not null)
                return "The audit trail cannot be written: its disk is full or fails.";
            long began = Interlocked.Read(ref _commitBegan);
            return began != 0 && _options.Time.GetElapsedTime(began) > StallLimit ? "The audit trail cannot be written: its disk does not answer." : null;
        }
    }

    /// <summary>Opens a trail, or begins one where there is none.</summary>
    /// <exception cref="AuditTrailException">The options are wrong, the chain is broken, another node's, or open already.</exception>
    /// <exception cref="IOException">The files cannot be read or written.</exception>
    public static Task<AuditTrail> OpenAsync(AuditTrailOptions options) => OpenAsync(options, new AuditVolume());

    /// <inheritdoc/>
    public async ValueTask AppendAsync(AuditEntry entry, CancellationToken cancellation = default)
    {
        if (AuditEncoding.FindProblem(entry) is { } problem)
            throw new ArgumentException(problem, nameof(entry));
        cancellation.ThrowIfCancellationRequested();
        var waiting = new Waiting(entry);
        bool isFirst;
        lock (_gate)
        {
            if (_stopped)
                throw new AuditUnavailableException("The audit trail is closed.", new ObjectDisposedException(nameof(AuditTrail)));
            isFirst = _waiting.Count == 0;
            _waiting.Add(waiting);
        }

        if (isFirst)
            _wake.Set();
        await waiting.Task.WaitAsync(cancellation);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<AuditRecord> ReadAsync(AuditQuery query, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        WrittenTrail written = _writer.Written;
        foreach (AuditRecord record in AuditFiles.Read(Segments(written), query, written.Length))
        {
            cancellation.ThrowIfCancellationRequested();
            yield return record;
            if ((record.Sequence & 0xFF) == 0)
                await Task.Yield(); // reading is synchronous; others get their turn
        }
    }

    /// <inheritdoc/>
    public async ValueTask<AuditVerdict> VerifyAsync(CancellationToken cancellation = default)
    {
        WrittenTrail written = _writer.Written;
        return await Task.Run(() =>
        {
            var check = new ChainCheck([written.Head], written.Head.Sequence);
            check.Run(Segments(written), written.Length, cancellation: cancellation);
            return check.Verdict;
        }, cancellation);
    }

    /// <summary>Makes durable what waits, and closes the files.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate)
            _stopped = true;
        _wake.Set();
        await _ended.Task;
    }

    internal static async Task<AuditTrail> OpenAsync(AuditTrailOptions options, AuditVolume volume)
    {
        if (options.FindProblems() is { Count: > 0 } problems)
            throw new AuditTrailException(string.Join(' ', problems));
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(options.Directory);
        else
            Directory.CreateDirectory(options.Directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        FileStream lockFile = Lock(options.Directory);
        AuditTrail trail;
        AuditEntry? mended;
        IReadOnlyList<AuditEntry> interrupted;
        try
        {
            (ChainEnd end, mended, interrupted) = TrailOpening.Find(options, volume);
            trail = new AuditTrail(options, lockFile, new AuditWriter(options, volume, end), mended is null ? null : $"{mended.Detail}: {mended.Target}");
        }
        catch
        {
            lockFile.Dispose();
            throw;
        }

        try
        {
            if (mended is not null)
                await trail.AppendAsync(mended);
            await Task.WhenAll(interrupted.Select(end => trail.AppendAsync(end).AsTask()));
            return trail;
        }
        catch
        {
            await trail.DisposeAsync();
            throw;
        }
    }

    private static FileStream Lock(string directory)
    {
        try
        {
            return new FileStream(Path.Combine(directory, SegmentFiles.LockFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e)
        {
            throw new AuditTrailException("The audit trail is open already: only one process may write to its directory.", e);
        }
    }

    private List<string> Segments(WrittenTrail written) =>
        [.. SegmentFiles.List(_options.Directory).Where(path => string.CompareOrdinal(Path.GetFileName(path), Path.GetFileName(written.Path)) <= 0)];

    private void Run()
    {
        long retried = 0;
        var batch = new List<Waiting>();
        while (true)
        {
            // While something is wrong, it is tried again by itself, so that Problem tells the truth without a request.
            _wake.WaitOne(_failure is null ? Timeout.InfiniteTimeSpan : RetryInterval);
            bool stopping;
            lock (_gate)
            {
                (batch, _waiting) = (_waiting, batch);
                stopping = _stopped;
            }

            if (_failure is not null && (retried == 0 || _options.Time.GetElapsedTime(retried) >= RetryInterval))
            {
                retried = _options.Time.GetTimestamp();
                Recover();
            }

            Commit(batch);
            batch.Clear();
            if (stopping)
                break;
        }

        _writer.Dispose();
        _lockFile.Dispose();
        _wake.Dispose();
        _meter.Dispose();
        _ended.SetResult();
    }

    private void Commit(List<Waiting> batch)
    {
        AuditEntry[] entries = [.. batch.Select(waiting => waiting.Entry)];
        for (int done = 0; done < entries.Length;)
        {
            try
            {
                Interlocked.Exchange(ref _commitBegan, _options.Time.GetTimestamp());
                int written = _writer.Append(entries.AsSpan(done));
                _failure = _writer.Trouble;
                for (int i = done; i < done + written; i++)
                {
                    _records.Add(1, new KeyValuePair<string, object?>(Telemetry.ActionTag, Name(entries[i].Action)));
                    batch[i].SetResult();
                }

                done += written;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                _failure = e;
                for (; done < entries.Length; done++)
                    batch[done].SetException(new AuditUnavailableException("The audit trail cannot be written.", e));
            }
            finally
            {
                Interlocked.Exchange(ref _commitBegan, 0);
            }
        }
    }

    private static string Name(AuditAction action) => action switch
    {
        AuditAction.Generate => "generate",
        AuditAction.Rollout => "rollout",
        AuditAction.Tenancy => "tenancy",
        AuditAction.Access => "access",
        AuditAction.Audit => "audit",
        _ => "node",
    };

    private void Recover()
    {
        try
        {
            _writer.Recover();
            if (_writer.Trouble is null)
            {
                // Only a record shows that records can be written again.
                _writer.Append([new AuditEntry { Action = AuditAction.Audit, Succeeded = true, Detail = "resumed" }]);
            }

            _failure = _writer.Trouble;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _failure = e;
        }
    }

    /// <summary>An entry whose caller waits until it is durable.</summary>
    private sealed class Waiting(AuditEntry entry) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public AuditEntry Entry => entry;
    }
}
