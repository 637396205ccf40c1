using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Serving.Tenants;

/// <summary>What keys may be asked for. All that is wrong is said at once.</summary>
internal static class KeyRules
{
    private const int LongestLabel = 100;
    private const Roles AllRoles = Roles.Inference | Roles.Operator | Roles.Admin;
    private static readonly TimeSpan LongestGrace = TimeSpan.FromDays(90);

    public static GridError? FindProblems(string label, Roles roles, DateTimeOffset? expires, DateTimeOffset now) => Error(
    [
        label.Length is 0 or > LongestLabel || label.Any(char.IsControl) ? $"'label' must hold 1 to {LongestLabel} characters and no control characters." : null,
        roles == Roles.None || (roles & ~AllRoles) != 0 ? "'roles' must name at least one of inference, operator and admin." : null,
        ExpiryProblem(expires, now),
    ]);

    public static GridError? FindProblems(TimeSpan grace, DateTimeOffset? expires, DateTimeOffset now) => Error(
    [
        grace < TimeSpan.Zero || grace > LongestGrace ? $"'grace' must be between 0 and {LongestGrace.Days} days." : null,
        ExpiryProblem(expires, now),
    ]);

    private static string? ExpiryProblem(DateTimeOffset? expires, DateTimeOffset now) =>
        expires <= now ? "'expires' must be in the future; leave it out for a key without an end." : null;

    private static GridError? Error(IEnumerable<string?> problems)
    {
        string[] found = [.. problems.OfType<string>()];
        return found.Length == 0 ? null : new GridError(GridErrorKind.InvalidRequest, string.Join(' ', found), found[0].Split('\'')[1]);
    }
}
