using Microsoft.EntityFrameworkCore;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Serving.State;

namespace MoeLora.Serving.Tenants;

/// <summary>Reads and changes the tables of tenants and keys; records every change.</summary>
/// <param name="options">The database.</param>
/// <param name="trail">Where changes are recorded.</param>
/// <param name="committed">Called when a change counts, before its caller is told.</param>
internal sealed class TenancyStore(DbContextOptions<TenancyContext> options, IAuditTrail trail, Action committed) : IDisposable
{
    private readonly SemaphoreSlim _changes = new(1, 1);

    /// <summary>The database failed.</summary>
    public static GridError Outage { get; } =
        new(GridErrorKind.Unavailable, "The database of tenants cannot be reached now.", RetryAfter: TimeSpan.FromSeconds(1));

    /// <summary>Reads.</summary>
    public async ValueTask<GridResult<T>> ReadAsync<T>(Func<TenancyContext, Task<GridResult<T>>> read)
        where T : class
    {
        try
        {
            await using var context = new TenancyContext(options);
            return await read(context);
        }
        catch (Exception e) when (StateDatabase.IsOutage(e))
        {
            return Outage;
        }
    }

    /// <summary>
    /// A change in the order that makes it count: all its rows are written and can be committed, then it is recorded, then it is committed. A crash
    /// between the last two leaves a record of a change that did not happen, never a change without a record.
    /// </summary>
    public async ValueTask<GridResult<T>> ChangeAsync<T>(Caller by, Func<TenancyContext, Task<TenancyChange<T>>> change, CancellationToken cancellation)
        where T : class
    {
        if (!by.Has(Roles.Admin))
            return new GridError(GridErrorKind.Forbidden, "Only an administrator may change tenants and keys.");
        await _changes.WaitAsync(cancellation);
        AuditEntry? recorded = null;
        try
        {
            await using var context = new TenancyContext(options);
            await using var transaction = await context.Database.BeginTransactionAsync(cancellation);
            TenancyChange<T> made = await change(context);
            if (made.Error is { } error)
                return error;
            await context.SaveChangesAsync(cancellation);
            AuditEntry entry = made.Entry(by);
            await trail.AppendAsync(entry, CancellationToken.None);
            recorded = entry;
            await transaction.CommitAsync(CancellationToken.None);
            recorded = null;
            committed();
            return GridResult<T>.Success(made.Value!);
        }
        catch (AuditUnavailableException)
        {
            return new GridError(GridErrorKind.Unavailable, "The change cannot be recorded in the audit trail now, so it was not made.", RetryAfter: TimeSpan.FromSeconds(5));
        }
        catch (DbUpdateConcurrencyException)
        {
            return new GridError(GridErrorKind.Conflict, "Another node changed the same key just now. Look at it and try again.");
        }
        catch (Exception e) when (StateDatabase.IsOutage(e))
        {
            return Outage;
        }
        finally
        {
            if (recorded is not null)
                await RecordFailureAsync(recorded);
            _changes.Release();
        }
    }

    private async Task RecordFailureAsync(AuditEntry recorded)
    {
        try
        {
            await trail.AppendAsync(recorded with { Succeeded = false, Detail = recorded.Detail + "_failed" });
        }
        catch (AuditUnavailableException)
        {
            // The database and the trail both failed: the caller is told of the database, and the record before stands.
        }
    }

    public void Dispose() => _changes.Dispose();
}

/// <summary>What a change did, and how it is recorded; or why it was not done.</summary>
internal readonly record struct TenancyChange<T>(T? Value, string Detail, string Target, GridError? Error = null)
{
    public static implicit operator TenancyChange<T>(GridError error) => new(default, "", "", error);

    public AuditEntry Entry(Caller by) => new()
    {
        Action = AuditAction.Tenancy,
        Succeeded = true,
        Tenant = by.Tenant,
        Subject = by.Subject,
        Detail = Detail,
        Target = Target,
    };
}
