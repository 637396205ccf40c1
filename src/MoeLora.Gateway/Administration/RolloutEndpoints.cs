using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Net.Http.Headers;
using MoeLora.Contracts;
using MoeLora.Contracts.Rollouts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.Parameters;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace MoeLora.Gateway.Administration;

/// <summary>Adapter versions: publish, load, activate, canary, shadow, retire, roll back.</summary>
internal sealed class RolloutEndpoints(GatewayParts parts, GatewayOptions options, RequestBody body)
{
    // Slower than this, after ten seconds, is no upload but a held connection.
    private static readonly MinDataRate LeastUploadRate = new(4096, TimeSpan.FromSeconds(10));

    private IRollouts Rollouts => parts.Rollouts!;

    public async Task ListAsync(HttpContext context) =>
        await Reply.WriteListAsync(context, await Rollouts.ListVersionsAsync(context.RequestAborted), AdministrationJson.Readable.VersionList);

    public async Task HistoryAsync(HttpContext context)
    {
        var query = new QueryReader(context.Request.Query, "limit");
        int limit = query.Integer("limit", 1, 1000) ?? 100;
        if (query.Problem is { } problem)
            await Answer.WriteAsync(context, problem);
        else
            await Reply.WriteListAsync(context, await Rollouts.HistoryAsync(context.Route("bank"), limit, context.RequestAborted), AdministrationJson.Readable.ChangeList);
    }

    /// <summary>The archive is handed on as it arrives; how large it may be is this route's own limit.</summary>
    public async Task PublishAsync(HttpContext context)
    {
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out MediaTypeHeaderValue? type) || !type.MediaType.Equals("application/zip", StringComparison.OrdinalIgnoreCase))
        {
            await Answer.WriteAsync(context, ApiError.Caller(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type",
                "Send the bundle as a ZIP archive, with the header Content-Type: application/zip."));
            return;
        }

        if (context.Request.ContentLength > options.MaxBundleBytes)
        {
            context.Response.Headers.Connection = "close";
            await Answer.WriteAsync(context, TooLarge());
            return;
        }

        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = options.MaxBundleBytes;
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = LeastUploadRate;
        var upload = new UploadBody(context.Request.Body);
        try
        {
            GridResult<AdapterVersionStatus> result = await Rollouts.PublishAsync(upload, context.Caller(), context.RequestAborted);
            if (!upload.IsTooLarge)
            {
                await Reply.WriteAsync(context, result, AdministrationJson.Readable.AdapterVersionStatus);
                return;
            }
        }
        catch (BadHttpRequestException) when (upload.IsTooLarge)
        {
        }

        context.Response.Headers.Connection = "close";
        await Answer.WriteAsync(context, TooLarge());
    }

    public Task LoadAsync(HttpContext context) => ExecuteAsync(context, static (bank, version, _, _) => new LoadVersion(bank, version));

    public Task ActivateAsync(HttpContext context) => ExecuteAsync(context, static (bank, version, _, _) => new ActivateVersion(bank, version));

    public Task RollBackAsync(HttpContext context) => ExecuteAsync(context, static (bank, _, _, _) => new RollBack(bank));

    public Task CanaryAsync(HttpContext context) => ExecuteAsync(context, static (bank, version, reader, root) =>
    {
        double? share = null;
        bool hasTenants = false;
        var tenants = new List<TenantId>();
        foreach ((string name, JsonElement value) in reader.Members(root))
        {
            if (name == "share")
                reader.Read(name, value, ref share);
            else if (name != "tenants")
                reader.RefuseUnknown(name);
            else if (reader.IsArray(name, value))
            {
                hasTenants = true;
                foreach (string text in reader.Texts(name, value) ?? [])
                {
                    if (TenantId.TryParse(text, out TenantId tenant, out string? problem))
                        tenants.Add(tenant);
                    else
                        reader.Refuse(name, "invalid_value", $"holds a name of a tenant that {problem}");
                }
            }
        }

        if (share is not (null or (>= 0 and <= 1)))
            reader.Refuse("share", "invalid_value", "must be between 0 and 1");
        if (share is null && !hasTenants && reader.Problems.Count == 0)
            reader.Refuse("share", "missing_required_parameter", "or 'tenants' must say who gets the canary; a share of 0 without tenants ends it");
        return new StartCanary(bank, version, new CanaryRule(share ?? 0, tenants));
    });

    public Task ShadowAsync(HttpContext context) => ExecuteAsync(context, static (bank, version, reader, root) =>
    {
        double? share = null;
        foreach ((string name, JsonElement value) in reader.Members(root))
        {
            if (name == "share")
                reader.Read(name, value, ref share);
            else
                reader.RefuseUnknown(name);
        }

        reader.Require("share", share is not null);
        if (share is not (null or (>= 0 and <= 1)))
            reader.Refuse("share", "invalid_value", "must be between 0 and 1");
        return new StartShadow(bank, version, share ?? 0);
    });

    public Task RetireAsync(HttpContext context) => ExecuteAsync(context, static (bank, version, reader, root) =>
    {
        double? seconds = null;
        foreach ((string name, JsonElement value) in reader.Members(root))
        {
            if (name == "deadline_seconds")
                reader.Read(name, value, ref seconds);
            else
                reader.RefuseUnknown(name);
        }

        if (seconds is not (null or (>= 0 and <= 86_400)))
            reader.Refuse("deadline_seconds", "invalid_value", "must be between 0 and 86400");
        return new RetireVersion(bank, version, reader.Problems.Count == 0 && seconds is { } given ? TimeSpan.FromSeconds(given) : null);
    });

    private async Task ExecuteAsync(HttpContext context, Func<string, string, ParameterReader, JsonElement, RolloutCommand> read)
    {
        (byte[]? bytes, ApiError? error) = await body.ReadJsonAsync(context, optional: true);
        JsonDocument? document = null;
        if (bytes is null || !ParameterReader.TryParse(bytes.Length == 0 ? "{}"u8.ToArray() : bytes, out document, out error))
        {
            await Answer.WriteAsync(context, error!);
            return;
        }

        using (document)
        {
            var reader = new ParameterReader();
            RolloutCommand command = read(context.Route("bank"), context.Request.RouteValues["version"] as string ?? "", reader, document.RootElement);
            if (command is LoadVersion or ActivateVersion or RollBack)
            {
                foreach ((string name, _) in reader.Members(document.RootElement))
                    reader.RefuseUnknown(name);
            }

            if (reader.Problems.Count > 0)
                await Answer.WriteAsync(context, ApiError.Combine(reader.Problems));
            else
                await Reply.WriteAsync(context, await Rollouts.ExecuteAsync(command, context.Caller(), context.RequestAborted), AdministrationJson.Readable.AdapterVersionStatus);
        }
    }

    private ApiError TooLarge() => ApiError.Caller(StatusCodes.Status413PayloadTooLarge, "request_too_large",
        string.Create(CultureInfo.InvariantCulture, $"The bundle is larger than {options.MaxBundleBytes} bytes."));
}
