using System.Globalization;
using System.Text;

namespace MoeLora.Gateway.Tests.Fuzzing;

/// <summary>Makes calls from a seed: most could be an honest client's, or nearly; the others nobody's.</summary>
/// <param name="random">Chance.</param>
/// <param name="models">Names of models, some of which may be absent.</param>
/// <param name="keys">Keys that are valid.</param>
internal sealed class RandomCall(Random random, IReadOnlyList<string> models, IReadOnlyList<string> keys)
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

    private readonly RandomJson _json = new(random);
    private readonly RandomBody _bodies = new(random, models, new RandomJson(random));

    /// <summary>What to send, and whether a server may rightly wait for more.</summary>
    public (byte[] Bytes, bool MayWait) Next(bool administration)
    {
        string key = _json.Pick(keys);
        if (!administration && random.Next(5) > 0)
            return NearlyHonest(key);
        string path = administration ? _json.Pick(AdminPaths) : _json.Pick(Paths);
        byte[] body = Body();
        var head = new StringBuilder();
        string method = path.StartsWith("/v1/c", StringComparison.Ordinal) && random.Next(8) > 0 ? "POST" : _json.Pick(Methods);
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

    /// <summary>A body that is taken, or would be but for one member.</summary>
    private (byte[] Bytes, bool MayWait) NearlyHonest(string key)
    {
        bool isChat = random.Next(2) == 0;
        (byte[] body, bool mayWait) = _bodies.Next(isChat);
        bool isChunked = random.Next(10) == 0;
        string path = isChat ? "/v1/chat/completions" : "/v1/completions", type = random.Next(10) == 0 ? "application/json; charset=utf-8" : "application/json";
        string length = isChunked ? "Transfer-Encoding: chunked" : string.Create(CultureInfo.InvariantCulture, $"Content-Length: {body.Length}");
        byte[] head = Encoding.ASCII.GetBytes($"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\nContent-Type: {type}\r\n{length}\r\n\r\n");
        if (!isChunked)
            return ([.. head, .. body], mayWait);
        int first = random.Next(1, body.Length);
        return ([.. head, .. Chunk(body.AsSpan(0, first)), .. Chunk(body.AsSpan(first)), .. "0\r\n\r\n"u8], mayWait);

        static byte[] Chunk(ReadOnlySpan<byte> data) => [.. Encoding.ASCII.GetBytes($"{data.Length:x}\r\n"), .. data, .. "\r\n"u8];
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
                return Encoding.UTF8.GetBytes(_json.Value());
            case 2:
                return Encoding.UTF8.GetBytes(Members("""{"model":"3","prompt":"p",""", random.Next(6)));
            case 3:
                byte[] mangled = Encoding.UTF8.GetBytes(_json.Pick(Good));
                for (int change = random.Next(1, 5); change > 0; change--)
                    mangled[random.Next(mangled.Length)] = (byte)random.Next(256);
                return mangled;
            default:
                return Encoding.UTF8.GetBytes(_json.Pick(Good));
        }
    }

    private string Members(string start, int count)
    {
        var text = new StringBuilder(start);
        for (int i = 0; i < count; i++)
            text.Append('"').Append(_json.Name()).Append("\":").Append(_json.Value()).Append(',');
        text.Append("\"n\":").Append(random.Next(4)).Append('}');
        return text.ToString();
    }
}
