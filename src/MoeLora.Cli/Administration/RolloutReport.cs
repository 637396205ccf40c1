using System.Text.Json.Nodes;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Administration;

/// <summary>Shows versions as a node describes them.</summary>
internal static class RolloutReport
{
    /// <summary>One version in a line, or as it came.</summary>
    public static void Write(Terminal terminal, JsonObject version, bool asJson)
    {
        if (asJson)
            terminal.Out.WriteLine(version.ToJsonString());
        else
            terminal.Out.WriteLine(Line(version));
    }

    /// <summary>A version in a line.</summary>
    public static string Line(JsonObject version)
    {
        string line = $"{Text(version, "bank")}@{Text(version, "version")}  {Text(version, "state")}  {version["running_sequences"]} running  {Text(version, "bundle_hash")[..19]}…";
        if (version["canary"] is JsonObject canary)
            line += $"  share {canary["share"]}{(canary["tenants"] is JsonArray { Count: > 0 } tenants ? " and " + string.Join(", ", tenants.Select(tenant => tenant!.GetValue<string>())) : "")}";
        if (version["shadow"] is JsonObject shadow)
            line += $"  shadow: {shadow["equal"]} of {shadow["compared"]} equal";
        return version["problem"]?.GetValue<string>() is { } problem ? $"{line}\n    {problem}" : line;
    }

    private static string Text(JsonObject version, string name) => version[name]!.GetValue<string>();
}
