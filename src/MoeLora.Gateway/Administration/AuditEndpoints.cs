using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Administration;

/// <summary>Reads the audit trail. Each reading is itself written to the trail first; where it cannot be, nothing is shown.</summary>
internal sealed class AuditEndpoints(GatewayParts parts)
{
    private const string JsonLines = "jsonl";

    private IAuditTrail Trail => parts.Audit!;

    public async Task ReadAsync(HttpContext context)
    {
        var query = new QueryReader(context.Request.Query, "after", "from", "until", "tenant", "action", "limit", "format");
        var wanted = new AuditQuery
        {
            After = query.Long("after", 0, long.MaxValue) ?? 0,
            From = query.Time("from"),
            Until = query.Time("until"),
            Tenant = Tenant(query),
            Action = Action(query),
            Limit = query.Integer("limit", 1, int.MaxValue),
        };
        string name = query.Text("format") ?? JsonLines;
        IAuditFormat? format = parts.AuditFormats.FirstOrDefault(known => known.Name == name);
        if (format is null && name != JsonLines)
            query.Refuse("format", $"must be one of {string.Join(", ", parts.AuditFormats.Select(known => known.Name).Prepend(JsonLines))}");
        if (query.Problem is { } problem)
        {
            await Answer.WriteAsync(context, problem);
            return;
        }

        if (!await NoteAsync(context, $"read {name}"))
            return;
        IAsyncEnumerable<AuditRecord> records = Trail.ReadAsync(wanted, context.RequestAborted);
        context.Response.ContentType = format?.ContentType ?? "application/jsonl; charset=utf-8";
        await (format is null ? WriteLinesAsync(context, records) : format.WriteAsync(records, context.Response.Body, context.RequestAborted));
    }

    public async Task VerifyAsync(HttpContext context)
    {
        if (await NoteAsync(context, "verify"))
            await Answer.WriteAsync(context, StatusCodes.Status200OK, await Trail.VerifyAsync(context.RequestAborted), AdministrationJson.Readable.AuditVerdict);
    }

    private static async Task WriteLinesAsync(HttpContext context, IAsyncEnumerable<AuditRecord> records)
    {
        await context.Response.StartAsync(context.RequestAborted);
        long unsent = 0;
        await foreach (AuditRecord record in records.WithCancellation(context.RequestAborted))
        {
            byte[] line = JsonSerializer.SerializeToUtf8Bytes(record, AdministrationJson.Readable.AuditRecord);
            context.Response.BodyWriter.Write(line);
            context.Response.BodyWriter.Write("\n"u8);
            unsent += line.Length;
            if (unsent < 16 * 1024)
                continue;
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
            unsent = 0;
        }

        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
    }

    /// <returns>False where the trail cannot be written, which is answered already.</returns>
    private async ValueTask<bool> NoteAsync(HttpContext context, string detail)
    {
        Caller caller = context.Caller();
        try
        {
            await Trail.AppendAsync(
                new AuditEntry { Action = AuditAction.Audit, Succeeded = true, Tenant = caller.Tenant, Subject = caller.Subject, Detail = detail, RequestId = context.TraceIdentifier },
                context.RequestAborted);
            return true;
        }
        catch (AuditUnavailableException)
        {
            await Answer.WriteAsync(context, ApiError.From(new GridError(GridErrorKind.Unavailable, "The audit trail cannot be written now, and so it cannot be read.")));
            return false;
        }
    }

    private static TenantId? Tenant(QueryReader query)
    {
        if (query.Text("tenant") is not { } text)
            return null;
        if (text == TenantId.Local.Text)
            return TenantId.Local; // the process's own records can be asked for
        if (TenantId.TryParse(text, out TenantId tenant, out string? problem))
            return tenant;
        query.Refuse("tenant", problem);
        return null;
    }

    private static AuditAction? Action(QueryReader query)
    {
        if (query.Text("action") is not { } text)
            return null;
        foreach (AuditAction action in Enum.GetValues<AuditAction>())
        {
            if (text == JsonNamingPolicy.SnakeCaseLower.ConvertName(action.ToString()))
                return action;
        }

        query.Refuse("action", $"must be one of {string.Join(", ", Enum.GetNames<AuditAction>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName))}");
        return null;
    }
}
