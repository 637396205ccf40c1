using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MoeLora.Gateway.Console;

/// <summary>What the page asks for besides the administration's own records; names in snake_case.</summary>
[JsonSerializable(typeof(ConsoleSettings))]
[JsonSerializable(typeof(CallerIdentity))]
[JsonSerializable(typeof(LatencyReport))]
internal sealed partial class ConsoleJson : JsonSerializerContext
{
    public static ConsoleJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}

/// <summary>What the page needs to know before anybody is proven.</summary>
/// <param name="NeedsKey">Whether nobody is let in without a key.</param>
/// <param name="Overview">Whether the grid describes itself.</param>
/// <param name="Silos">Whether it says where tasks live.</param>
/// <param name="Rollouts">Whether versions can be published and activated.</param>
/// <param name="Tenants">Whether tenants and keys are kept.</param>
/// <param name="Audit">Whether there is an audit trail.</param>
/// <param name="Pages">Pages of others for administrators.</param>
internal sealed record ConsoleSettings(bool NeedsKey, bool Overview, bool Silos, bool Rollouts, bool Tenants, bool Audit, IReadOnlyList<ConsoleLink> Pages);

/// <summary>A link to pages of others.</summary>
/// <param name="Title">Its text.</param>
/// <param name="Path">Where they are: one segment.</param>
internal sealed record ConsoleLink(string Title, string Path);

/// <summary>Who is calling.</summary>
/// <param name="Tenant">For whom.</param>
/// <param name="Subject">Which key or user.</param>
/// <param name="Roles">What it may do.</param>
internal sealed record CallerIdentity(string Tenant, string Subject, IReadOnlyList<string> Roles);

/// <summary>How long answers took, counted since the node's start; dashboards take differences.</summary>
/// <param name="Bounds">Upper bounds of the buckets in seconds; one more bucket holds what is above the last.</param>
/// <param name="TimeToFirstToken">From a request's arrival to its first token.</param>
/// <param name="TimePerToken">Mean time of a token after the first.</param>
/// <param name="QueueTime">From admission to the prompt pass.</param>
internal sealed record LatencyReport(IReadOnlyList<double> Bounds, LatencyTotals TimeToFirstToken, LatencyTotals TimePerToken, LatencyTotals QueueTime);

/// <summary>All tenants, tasks and versions together.</summary>
/// <param name="Sum">Seconds.</param>
/// <param name="Buckets">How many values fell into each bucket, not cumulated.</param>
internal sealed record LatencyTotals(double Sum, IReadOnlyList<long> Buckets);
