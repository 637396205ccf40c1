using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Administration;

/// <summary>Keys of tenants. A new key's secret is in the answer that made it, and nowhere else.</summary>
internal sealed class KeyEndpoints(GatewayParts parts, RequestBody body)
{
    private const int MaxLabelLength = 100;
    private const int MaxGraceSeconds = 30 * 86_400;

    private ITenantDirectory Tenants => parts.Tenants!;

    public async Task ListAsync(HttpContext context)
    {
        if (await TenantEndpoints.TenantAsync(context) is { } tenant)
            await Reply.WriteListAsync(context, await Tenants.ListKeysAsync(tenant, context.RequestAborted), AdministrationJson.Readable.KeyList);
    }

    public async Task CreateAsync(HttpContext context)
    {
        if (await TenantEndpoints.TenantAsync(context) is not { } tenant || await ReadAsync(context, creating: true) is not { } wanted)
            return;
        await WriteSecretAsync(context, await Tenants.CreateKeyAsync(tenant, wanted.Label, wanted.Roles, wanted.Expires, context.Caller(), context.RequestAborted));
    }

    public async Task RotateAsync(HttpContext context)
    {
        if (await ReadAsync(context, creating: false) is not { } wanted)
            return;
        await WriteSecretAsync(context, await Tenants.RotateKeyAsync(context.Route("key"), wanted.Grace, wanted.Expires, context.Caller(), context.RequestAborted));
    }

    public async Task RevokeAsync(HttpContext context) =>
        await Reply.WriteAsync(context, await Tenants.RevokeKeyAsync(context.Route("key"), context.Caller(), context.RequestAborted), AdministrationJson.Readable.ApiKey);

    private static Task WriteSecretAsync(HttpContext context, Contracts.GridResult<NewApiKey> result)
    {
        context.Response.Headers.CacheControl = "no-store";
        return Reply.WriteAsync(context, result, AdministrationJson.Readable.NewApiKey);
    }

    /// <returns>What the body asks for; null where it was refused, which is answered already.</returns>
    private async ValueTask<WantedKey?> ReadAsync(HttpContext context, bool creating)
    {
        (byte[]? bytes, ApiError? error) = await body.ReadJsonAsync(context, optional: !creating);
        JsonDocument? document = null;
        if (bytes is null || !ParameterReader.TryParse(bytes.Length == 0 ? "{}"u8.ToArray() : bytes, out document, out error))
        {
            await Answer.WriteAsync(context, error!);
            return null;
        }

        using (document)
        {
            var reader = new ParameterReader();
            WantedKey wanted = Read(reader, document.RootElement, creating);
            if (wanted.Expires <= parts.Time.GetUtcNow())
                reader.Refuse("expires", "invalid_value", "must be in the future");
            if (reader.Problems.Count == 0)
                return wanted;
            await Answer.WriteAsync(context, ApiError.Combine(reader.Problems));
            return null;
        }
    }

    private static WantedKey Read(ParameterReader reader, JsonElement root, bool creating)
    {
        string? label = null;
        Roles roles = Roles.None;
        DateTimeOffset? expires = null;
        double grace = 0;
        foreach ((string name, JsonElement value) in reader.Members(root))
        {
            switch (name)
            {
                case "label" when creating: reader.TryText(name, value, out label); break;
                case "roles" when creating: roles = ReadRoles(reader, name, value); break;
                case "expires": expires = ReadTime(reader, name, value); break;
                case "grace_seconds" when !creating: reader.Read(name, value, ref grace); break;
                default: reader.RefuseUnknown(name); break;
            }
        }

        if (creating)
        {
            reader.Require("label", label is not null);
            reader.Require("roles", roles != Roles.None);
            if (label is not null && (label.Length is 0 or > MaxLabelLength || label.Any(char.IsControl)))
                reader.Refuse("label", "invalid_value", $"must be 1 to {MaxLabelLength} characters, none a control character");
        }

        bool usable = grace is >= 0 and <= MaxGraceSeconds;
        if (!usable)
            reader.Refuse("grace_seconds", "invalid_value", $"must be between 0 and {MaxGraceSeconds}");
        return new WantedKey(label ?? "", roles, expires, TimeSpan.FromSeconds(usable ? grace : 0));
    }

    private static Roles ReadRoles(ParameterReader reader, string name, JsonElement value)
    {
        Roles roles = Roles.None;
        if (!reader.IsArray(name, value))
            return roles;
        foreach (string text in reader.Texts(name, value) ?? [])
        {
            Roles role = RoleNames.All.FirstOrDefault(known => known.Name == text).Role;
            if (role == Roles.None)
                reader.Refuse(name, "invalid_value", "must hold only 'inference', 'operator' and 'admin'");
            roles |= role;
        }

        return roles;
    }

    private static DateTimeOffset? ReadTime(ParameterReader reader, string name, JsonElement value)
    {
        if (!reader.TryText(name, value, out string? text))
            return null;
        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out DateTimeOffset time))
            return time;
        reader.Refuse(name, "invalid_value", "must be a time in ISO 8601, such as 2027-01-31T00:00:00Z");
        return null;
    }

    private sealed record WantedKey(string Label, Roles Roles, DateTimeOffset? Expires, TimeSpan Grace);
}
