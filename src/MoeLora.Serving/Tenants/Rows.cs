using System.Globalization;
using System.Text.Json;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Serving.Tenants;

/// <summary>Between rows and what callers see.</summary>
internal static class Rows
{
    public static Tenant Read(TenantRow row) => new(
        TenantId.Parse(row.Id),
        new TenantLimits
        {
            AllowedTasks = row.AllowedTasks is null ? null : JsonSerializer.Deserialize<string[]>(row.AllowedTasks),
            TokensPerMinute = row.TokensPerMinute,
            RequestsPerMinute = row.RequestsPerMinute,
            ConcurrentSequences = row.ConcurrentSequences,
            Weight = row.Weight,
        },
        row.Enabled,
        row.Created);

    public static ApiKey Read(KeyRow row) => new(row.Id, TenantId.Parse(row.Tenant), row.Label, (Roles)row.Roles, row.Created, row.Expires, row.Revoked);

    public static void Write(TenantRow row, TenantLimits limits, bool enabled)
    {
        row.Enabled = enabled;
        row.Weight = limits.Weight;
        row.AllowedTasks = limits.AllowedTasks is null ? null : JsonSerializer.Serialize(limits.AllowedTasks);
        row.TokensPerMinute = limits.TokensPerMinute;
        row.RequestsPerMinute = limits.RequestsPerMinute;
        row.ConcurrentSequences = limits.ConcurrentSequences;
    }

    /// <summary>A time in a record.</summary>
    public static string Text(DateTimeOffset? time) => time?.UtcDateTime.ToString("O", CultureInfo.InvariantCulture) ?? "never";

    /// <summary>Roles in a record.</summary>
    public static string Text(Roles roles) => roles.ToString().Replace(", ", "+", StringComparison.Ordinal).ToLowerInvariant();
}
