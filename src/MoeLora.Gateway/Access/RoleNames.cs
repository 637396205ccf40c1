using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Access;

/// <summary>Roles as the interface spells them.</summary>
internal static class RoleNames
{
    public static IReadOnlyList<(string Name, Roles Role)> All { get; } =
        [("inference", Roles.Inference), ("operator", Roles.Operator), ("admin", Roles.Admin)];

    /// <summary>The names of all roles in a set.</summary>
    public static IReadOnlyList<string> Each(Roles roles) => [.. All.Where(known => roles.HasFlag(known.Role)).Select(known => known.Name)];
}
