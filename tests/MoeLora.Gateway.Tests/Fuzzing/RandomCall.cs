using System.Globalization;
using System.Text;

namespace MoeLora.Gateway.Tests.Fuzzing;

/// <summary>Makes calls that no honest client makes, from a seed.</summary>
internal sealed class RandomCall(Random random)
{
    private static readonly string[] Paths =
    [
        "/v1/completions", "/v1/completions", "/v1/completions", "/v1/completions", "/v1/completions", "/v1/chat/completions", "/v1/chat/completions", "/v1/chat/completions",
        "/v1/chat/completions", "/v1/chat/completions", "/v1/models", "/v1/models/%ff", "/v1/models/a%2Fb@c",
        "/healthz", "/readyz", "/", "/v1/../admin/v1/overview", "/v1/completions/", "//v1//completions", "/v1/models/" + new string('x', 3000),
    ];

    private static readonly string[] AdminPaths =
    [
        "/admin/v1/overview", "/admin/v1/versions", "/admin/v1/banks/a%00b/history?limit=%ff", "/admin/v1/banks/x/history?limit=-1", "/admin/v1/bundles", "/admin/v1/banks/a/versions/b/canary",
        "/admin/v1/banks/a/versions/b/shadow", "/admin/v1/banks/a/versions/b/retire", "/admin/v1/banks/../../etc/rollback", "/admin/v1/tenants", "/admin/v1/tenants/ward-7", "/admin/v1/tenants/%E4%BD",
        "/admin/v1/tenants/ward-7/keys", "/admin/v1/keys/k1/rotate", "/admin/v1/keys/k1", "/admin/v1/audit?after=x&from=y", "/admin/v1/audit?format=a&format=b", "/admin/v1/audit/verify", "/metrics",
    ];

    private static readonly string[] Methods = ["POST", "POST", "POST", "POST", "POST", "POST", "POST", "POST", "POST", "POST", "GET", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"];

    private static readonly string[] Names =
    [
        "model", "prompt", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "n", "stop", "stop_token_ids", "seed", "stream", "stream_options", "logprobs",
        "top_logprobs", "response_format", "tools", "user", "return_token_ids", "trim_to_context", "role", "content", "type", "text", "json_schema", "schema", "choices", "include_usage", "share",
        "tenants", "label", "roles", "expires", "enabled", "allowed_tasks", "weight", "\\ud800", "", "\\u006dodel", "__proto__",
    ];

    private static readonly string[] Good =
    [
        """{"model":"3","prompt":"p","max_tokens":8,"stream":true}""",
        """{"model":"3","prompt":[1,2],"max_tokens":12,"n":3,"stream":true,"stream_options":{"include_usage":true}}""",
        """{"model":"3","prompt":"\ud83d\ude00","max_tokens":6,"logprobs":2,"return_token_ids":true}""",
        """{"model":"3","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"max_tokens":4,"stream":true}""",
        """{"model":"3","messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}],"max_completion_tokens":20,"stream":true,"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}}}""",
        """{"share":0.5,"tenants":["ward-7"]}""",
        """{"label":"a","roles":["inference"]}""",
    ];

    /// <summary>What to send, and whether a server may rightly wait for more.</summary>
    public (byte[] Bytes, bool MayWait) Next(bool administration, string key)
    {
        string path = administration ? Pick(AdminPaths) : Pick(Paths);
        byte[] body = Body();
        var head = new StringBuilder();
        string method = path.StartsWith("/v1/c", StringComparison.Ordinal) && random.Next(8) > 0 ? "POST" : Pick(Methods);
        head.Append(method).Append(' ').Append(path).Append(" HTTP/1.1\r\nHost: localhost\r\n");
        if (random.Next(20) > 0)
            head.Append("Authorization: Bearer ").Append(key).Append("\r\n");
        if (random.Next(20) > 0)
            head.Append("Content-Type: ").Append(random.Next(30) switch { 0 => "text/plain", 1 => "application/json; charset=\"", 2 => "application/zip", 3 => "\u00e9/\u00e9", _ => "application/json" }).Append("\r\n");
        switch (random.Next(40))
        {
            case 0:
                head.Append("X-Large: ").Append('a', random.Next(40_000)).Append("\r\n");
                break;
            case 1:
                head.Append("traceparent: ").Append(random.Next()).Append("-\u00ff\r\n");
                break;
            case 2:
                head.Append("Broken header\r\n");
                break;
            case 3:
                head.Append("Expect: 100-continue\r\n");
                break;
        }

        bool chunked = random.Next(10) == 0;
        if (chunked)
        {
            head.Append("Transfer-Encoding: chunked\r\n\r\n").Append(random.Next(8) == 0 ? "zz" : body.Length.ToString("x", CultureInfo.InvariantCulture)).Append("\r\n");
            return ([.. Encoding.Latin1.GetBytes(head.ToString()), .. body, .. "\r\n0\r\n\r\n"u8], body.Length == 0); // an empty chunk is the last one
        }

        long declared = random.Next(25) switch { 0 => body.Length + random.Next(1, 100), 1 => Math.Max(0, body.Length - random.Next(1, 20)), 2 => long.MaxValue, _ => body.Length };
        head.Append(CultureInfo.InvariantCulture, $"Content-Length: {declared}\r\n\r\n");
        return ([.. Encoding.Latin1.GetBytes(head.ToString()), .. body], declared > body.Length);
    }

    private byte[] Body()
    {
        switch (random.Next(6))
        {
            case 0:
                byte[] noise = new byte[random.Next(300)];
                random.NextBytes(noise);
                return noise;
            case 1:
                return Encoding.UTF8.GetBytes(Value(0));
            case 2:
                return Encoding.UTF8.GetBytes(Members("""{"model":"3","prompt":"p",""", random.Next(6)));
            case 3:
                byte[] mangled = Encoding.UTF8.GetBytes(Pick(Good));
                for (int change = random.Next(1, 5); change > 0; change--)
                    mangled[random.Next(mangled.Length)] = (byte)random.Next(256);
                return mangled;
            default:
                return Encoding.UTF8.GetBytes(Pick(Good));
        }
    }

    private string Members(string start, int count)
    {
        var text = new StringBuilder(start);
        for (int i = 0; i < count; i++)
            text.Append('"').Append(Pick(Names)).Append("\":").Append(Value(0)).Append(',');
        text.Append("\"n\":").Append(random.Next(4)).Append('}');
        return text.ToString();
    }

    private string Value(int depth) => random.Next(depth > 3 ? 8 : 12) switch
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
        _ => $"{{{string.Join(',', Enumerable.Range(0, random.Next(4)).Select(_ => $"\"{Pick(Names)}\":{Value(depth + 1)}"))}}}",
    };

    private string Pick(string[] of) => of[random.Next(of.Length)];
}
