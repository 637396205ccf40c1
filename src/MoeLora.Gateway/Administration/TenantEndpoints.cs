using System.Text.Json;
using Microsoft.AspNetCore.Http;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Administration;

/// <summary>Tenants and their limits.</summary>
internal sealed class TenantEndpoints(GatewayParts parts, RequestBody body)
{
    private ITenantDirectory Tenants => parts.Tenants!;

    /// <summary>The tenant in the route's address; null where it is none, which is answered already.</summary>
    public static async ValueTask<TenantId?> TenantAsync(HttpContext context)
    {
        if (TenantId.TryParse(context.Route("tenant"), out TenantId tenant, out string? problem))
            return tenant;
        await Answer.WriteAsync(context, ApiError.Caller(StatusCodes.Status400BadRequest, "invalid_value", $"A tenant's name {problem}.", "tenant"));
        return null;
    }

    public async Task ListAsync(HttpContext context) =>
        await Reply.WriteListAsync(context, await Tenants.ListTenantsAsync(context.RequestAborted), AdministrationJson.Readable.TenantList);

    public async Task FindAsync(HttpContext context)
    {
        if (await TenantAsync(context) is { } tenant)
            await Reply.WriteAsync(context, await Tenants.FindTenantAsync(tenant, context.RequestAborted), AdministrationJson.Readable.Tenant);
    }

    /// <summary>Makes or replaces: a limit that is left out is none.</summary>
    public async Task PutAsync(HttpContext context)
    {
        if (await TenantAsync(context) is not { } tenant)
            return;
        (byte[]? bytes, ApiError? error) = await body.ReadJsonAsync(context);
        JsonDocument? document = null;
        if (bytes is null || !ParameterReader.TryParse(bytes, out document, out error))
        {
            await Answer.WriteAsync(context, error!);
            return;
        }

        using (document)
        {
            var reader = new ParameterReader();
            (TenantLimits limits, bool enabled) = Read(reader, document.RootElement);
            foreach (string problem in reader.Problems.Count == 0 ? limits.FindProblems() : [])
                reader.Refuse(ApiError.Caller(StatusCodes.Status400BadRequest, "invalid_value", problem, problem.Split('\'')[1]));
            if (reader.Problems.Count > 0)
                await Answer.WriteAsync(context, ApiError.Combine(reader.Problems));
            else
                await Reply.WriteAsync(context, await Tenants.PutTenantAsync(tenant, limits, enabled, context.Caller(), context.RequestAborted), AdministrationJson.Readable.Tenant);
        }
    }

    private static (TenantLimits Limits, bool Enabled) Read(ParameterReader reader, JsonElement root)
    {
        bool enabled = true;
        IReadOnlyList<string>? tasks = null;
        int? tokens = null, requests = null, sequences = null;
        double weight = 1;
        foreach ((string name, JsonElement value) in reader.Members(root))
        {
            switch (name)
            {
                case "enabled": reader.Read(name, value, ref enabled); break;
                case "allowed_tasks" when reader.IsArray(name, value): tasks = reader.Texts(name, value); break;
                case "allowed_tasks": break;
                case "tokens_per_minute": reader.Read(name, value, ref tokens); break;
                case "requests_per_minute": reader.Read(name, value, ref requests); break;
                case "concurrent_sequences": reader.Read(name, value, ref sequences); break;
                case "weight": reader.Read(name, value, ref weight); break;
                default: reader.RefuseUnknown(name); break;
            }
        }

        return (new TenantLimits { AllowedTasks = tasks, TokensPerMinute = tokens, RequestsPerMinute = requests, ConcurrentSequences = sequences, Weight = weight }, enabled);
    }
}
