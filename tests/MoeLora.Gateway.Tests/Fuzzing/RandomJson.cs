using System.Globalization;

namespace MoeLora.Gateway.Tests.Fuzzing;

/// <summary>Makes JSON, and some that is none, from a seed.</summary>
internal sealed class RandomJson(Random random)
{
    private static readonly string[] Names =
    [
        "model", "prompt", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "n", "stop", "stop_token_ids", "seed", "stream", "stream_options", "logprobs",
        "top_logprobs", "response_format", "tools", "user", "return_token_ids", "trim_to_context", "role", "content", "type", "text", "json_schema", "schema", "choices", "include_usage", "share",
        "tenants", "label", "roles", "expires", "enabled", "allowed_tasks", "weight", "\\ud800", "", "\\u006dodel", "__proto__",
    ];

    public string Name() => Pick(Names);

    public string Value(int depth = 0) => random.Next(depth > 3 ? 8 : 12) switch
    {
        0 => "null",
        1 => "true",
        2 => "-0",
        3 => random.Next(3) switch { 0 => "1e400", 1 => "9223372036854775808", _ => random.NextDouble().ToString("R", CultureInfo.InvariantCulture) },
        4 => random.Next(-5, 40).ToString(CultureInfo.InvariantCulture),
        5 => "\"\\ud800\"",
        6 => $"\"{new string('长', random.Next(20) == 0 ? random.Next(20_000) : random.Next(5))}\"",
        7 => random.Next(50) == 0 ? new string('[', 500) : "\"text\"",
        8 or 9 => $"[{string.Join(',', Enumerable.Range(0, random.Next(4)).Select(_ => Value(depth + 1)))}]",
        _ => $"{{{string.Join(',', Enumerable.Range(0, random.Next(4)).Select(_ => $"\"{Name()}\":{Value(depth + 1)}"))}}}",
    };

    public string Pick(IReadOnlyList<string> of) => of[random.Next(of.Count)];
}
