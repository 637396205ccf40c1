namespace MoeLora.Contracts.Tenants;

/// <summary>A tenant: a hospital, a department, an application.</summary>
/// <param name="Id">Its name.</param>
/// <param name="Limits">What it may use.</param>
/// <param name="Enabled">Whether its keys are taken.</param>
/// <param name="Created">Since when it exists.</param>
public sealed record Tenant(TenantId Id, TenantLimits Limits, bool Enabled, DateTimeOffset Created);

/// <summary>What a tenant may use. Null is no limit.</summary>
public sealed record TenantLimits
{
    /// <summary>No limit at all.</summary>
    public static TenantLimits None { get; } = new();

    /// <summary>The only tasks that it may ask: <c>bank/task</c>, or <c>bank/*</c> for all of a bank; null for every task.</summary>
    public IReadOnlyList<string>? AllowedTasks { get; init; }

    /// <summary>Most tokens in a minute, read and generated ones together; at least 1.</summary>
    public int? TokensPerMinute { get; init; }

    /// <summary>Most requests in a minute; at least 1.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Most answers that run or wait at once; at least 1.</summary>
    public int? ConcurrentSequences { get; init; }

    /// <summary>Its share of a busy grid against others' (arXiv 2401.00588, weighted): twice the weight, twice the tokens. Above 0, at most 1000.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>Whether it may ask a task. Names are compared exactly, so they must be those that a reference was resolved to.</summary>
    /// <param name="bank">The task's bank; null where no bundle is served, which no pattern allows.</param>
    /// <param name="task">The task's name, or its id where it has none.</param>
    public bool Allows(string? bank, string task)
    {
        if (AllowedTasks is null)
            return true;
        if (bank is null)
            return false;
        foreach (string pattern in AllowedTasks)
        {
            if (pattern.Length > bank.Length + 1 && pattern[bank.Length] == '/' && pattern.StartsWith(bank, StringComparison.Ordinal)
                && pattern.AsSpan(bank.Length + 1) is var allowed && (allowed is "*" || allowed.SequenceEqual(task)))
                return true;
        }

        return false;
    }

    /// <summary>All that is wrong with these limits, each a sentence that begins with the value's name; empty when nothing is.</summary>
    public IReadOnlyList<string> FindProblems()
    {
        var problems = new List<string>();
        AtLeastOne("tokens_per_minute", TokensPerMinute);
        AtLeastOne("requests_per_minute", RequestsPerMinute);
        AtLeastOne("concurrent_sequences", ConcurrentSequences);
        if (!(Weight is > 0 and <= 1000))
            problems.Add("'weight' must be above 0 and at most 1000.");
        foreach (string pattern in AllowedTasks ?? [])
        {
            int slash = pattern.IndexOf('/', StringComparison.Ordinal);
            if (slash <= 0 || slash == pattern.Length - 1)
                problems.Add($"'allowed_tasks' must hold bank/task or bank/*, not '{pattern}'.");
        }

        return problems;

        void AtLeastOne(string name, int? value)
        {
            if (value < 1)
                problems.Add($"'{name}' must be at least 1; leave it out for no limit.");
        }
    }
}
