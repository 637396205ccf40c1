using System.Globalization;
using System.Text;

namespace MoeLora.Gateway.Tests.Fuzzing;

/// <summary>Makes bodies with any of the parameters that the gateway takes, and spoils one member of some of them.</summary>
internal sealed class RandomBody(Random random, IReadOnlyList<string> models, RandomJson json)
{
    private static readonly string[] Texts = ["p", "头痛三天，怎么办？", "\\ud83d\\ude00", "a\\n\\n\\u0000b", "{\\\"x\\\":[", "", "肺炎", "b", "什么是高血压", "患者：我晕厥7天了。\\n医生：有心悸吗？\\n患者：有，心悸也有。"];

    private static readonly string[] Schemas =
    [
        """{"type":"object","properties":{"a":{"type":"string","maxLength":8},"b":{"type":"array","items":{"type":"integer","minimum":-3,"maximum":99},"maxItems":3}},"required":["a"]}""",
        """{"enum":["是","否",null,3]}""",
        """{"$ref":"#/$defs/x","$defs":{"x":{"type":"boolean"}}}""",
        """{"anyOf":[{"type":"number"},{"type":"string","pattern":"^[a-c]{1,5}$"}]}""",
        """{"type":"object","patternProperties":{}}""",
        """{"$ref":"#"}""",
    ];

    /// <summary>A body for one of the two endpoints, and whether a server may rightly wait: its seed is below 0, which is <see cref="FuzzGrid"/>'s sign for an
    /// answer without end, and it does not stream.</summary>
    public (byte[] Bytes, bool MayWait) Next(bool isChat)
    {
        List<(string Name, string Value)> members = Members(isChat);
        bool breaksText = false;
        if (random.Next(3) == 0)
            breaksText = Spoil(members);
        for (int i = members.Count - 1; i > 0; i--)
        {
            int other = random.Next(i + 1);
            (members[i], members[other]) = (members[other], members[i]);
        }

        string text = $"{{{string.Join(random.Next(4) == 0 ? " ,\r\n" : ",", members.Select(member => $"\"{member.Name}\":{member.Value}"))}}}";
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        if (breaksText)
            bytes[random.Next(bytes.Length)] = (byte)random.Next(128, 256);
        bool isEndless = members.Exists(member => member.Name == "seed" && member.Value.StartsWith('-'));
        return (bytes, isEndless && members.FindAll(member => member.Name == "stream") is not [(_, "true")]);
    }

    private List<(string Name, string Value)> Members(bool isChat)
    {
        List<(string, string)> members = [("model", $"\"{json.Pick(models)}\"")];
        int tokens = random.Next(1, 40);
        if (isChat)
        {
            members.Add(("messages", Messages()));
            members.Add((random.Next(2) == 0 ? "max_tokens" : "max_completion_tokens", Number(tokens)));
        }
        else
        {
            members.Add(("prompt", random.Next(4) == 0 ? $"[{string.Join(',', Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(2000)))}]" : Text()));
            members.Add(("max_tokens", Number(tokens)));
        }

        bool stream = random.Next(2) == 0;
        if (stream)
            members.Add(("stream", "true"));
        Maybe(stream ? 3 : 0, "stream_options", () => """{"include_usage":true}""");
        Maybe(4, "n", () => Number(random.Next(1, 5)));
        Maybe(3, "temperature", () => Decimal(2));
        Maybe(5, "top_p", () => Decimal(1));
        Maybe(6, "top_k", () => Number(random.Next(50)));
        Maybe(6, "min_p", () => Decimal(1));
        Maybe(3, "seed", () => ((stream && random.Next(2) == 0 ? -1 : 1) * random.NextInt64(1, long.MaxValue)).ToString(CultureInfo.InvariantCulture));
        Maybe(3, "stop", () => random.Next(2) == 0 ? "\"。\"" : """["\n","医生","q"]""");
        Maybe(8, "stop_token_ids", () => $"[{random.Next(2000)},{random.Next(2000)}]");
        Maybe(8, "presence_penalty", () => Decimal(2));
        Maybe(8, "frequency_penalty", () => Decimal(2));
        Maybe(8, "repetition_penalty", () => "1.2");
        Maybe(8, "return_token_ids", () => "true");
        Maybe(8, "trim_to_context", () => "true");
        Maybe(8, "user", Text);
        if (random.Next(4) == 0)
        {
            members.Add(("logprobs", isChat ? "true" : Number(random.Next(6))));
            Maybe(isChat ? 2 : 0, "top_logprobs", () => Number(random.Next(6)));
        }

        Maybe(3, "response_format", Format);
        return members;

        void Maybe(int oneIn, string name, Func<string> value)
        {
            if (oneIn > 0 && random.Next(oneIn) == 0)
                members.Add((name, value()));
        }
    }

    private string Format() => random.Next(5) switch
    {
        0 => """{"type":"text"}""",
        1 => """{"type":"json_object"}""",
        2 => """{"type":"choice","choices":["是","否","不确定"]}""",
        _ => $$$"""{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{{{json.Pick(Schemas)}}}}}""",
    };

    private string Messages()
    {
        var messages = new List<string>();
        if (random.Next(3) == 0)
            messages.Add($$"""{"role":"{{(random.Next(2) == 0 ? "system" : "developer")}}","content":{{Text()}}}""");
        for (int turn = random.Next(3); turn > 0; turn--)
        {
            messages.Add($$"""{"role":"user","content":{{Text()}}}""");
            messages.Add($$"""{"role":"assistant","content":{{Text()}}}""");
        }

        messages.Add($$"""{"role":"user","content":{{(random.Next(3) == 0 ? $$"""[{"type":"text","text":{{Text()}}}]""" : Text())}}}""");
        return $"[{string.Join(',', messages)}]";
    }

    /// <summary>Spoils one member.</summary>
    /// <returns>Whether a byte is still to be made one that is not UTF-8.</returns>
    private bool Spoil(List<(string Name, string Value)> members)
    {
        int index = random.Next(members.Count);
        (string name, string value) = members[index];
        switch (random.Next(10))
        {
            case 0:
                members.RemoveAt(index);
                break;
            case 1:
                members.Add((name, value));
                break;
            case 2:
                members[index] = (json.Name(), value);
                break;
            case 3:
                members.Add((json.Name(), json.Value()));
                break;
            case 4:
                members[index] = (name, $"\"{new string('长', random.Next(12_000))}\"");
                break;
            case 5:
                members[index] = (name, $"[{string.Join(',', Enumerable.Repeat(value, random.Next(6)))}]");
                break;
            case 6:
                members[index] = (name, json.Pick(["-1", "0", "1e400", "2147483648", "0.5", "17", "1e-9", "null", "\"\"", "{}", "[]"]));
                break;
            case 7:
                return true;
            case 8:
                members[index] = (name, $"[{string.Join(',', Enumerable.Repeat(json.Pick(["{}", "[]", "{\"role\":5}", "{\"content\":[{}]}"]), random.Next(2000)))}]");
                break;
            default:
                members[index] = (name, json.Value());
                break;
        }

        return false;
    }

    private string Text() => $"\"{json.Pick(Texts)}\"";

    private string Decimal(double most) => (random.NextDouble() * most).ToString("0.###", CultureInfo.InvariantCulture);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
