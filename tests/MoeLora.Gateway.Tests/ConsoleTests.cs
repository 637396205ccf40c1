using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using MoeLora.Gateway.Tests.Fakes;

namespace MoeLora.Gateway.Tests;

/// <summary>The console's files and its own calls, without a browser; the page itself is tested in MoeLora.Console.Tests.</summary>
public sealed class ConsoleTests
{
    [Theory]
    [InlineData("/console/", "text/html")]
    [InlineData("/console/main.js", "text/javascript")]
    [InlineData("/console/console.css", "text/css")]
    [InlineData("/console/icon.svg", "image/svg+xml")]
    public async Task File_ComesWithItsTypeAndAStrictPolicy(string path, string type)
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(new Everything().Parts);

        HttpResponseMessage response = await host.Admin.GetAsync(path);

        Assert.Equal((HttpStatusCode.OK, type), (response.StatusCode, response.Content.Headers.ContentType!.MediaType));
        string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.StartsWith("default-src 'none'; script-src 'self';", policy);
        Assert.DoesNotContain("unsafe", policy);
        Assert.Contains("frame-ancestors 'none'", policy);
        Assert.Equal("no-referrer", Assert.Single(response.Headers.GetValues("Referrer-Policy")));
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
        Assert.DoesNotContain("http:", (await response.Content.ReadAsStringAsync()).Replace("http://www.w3.org/2000/svg", ""));
    }

    [Fact]
    public async Task File_ThatIsUnchanged_IsNotSentAgain()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(new Everything().Parts);
        EntityTagHeaderValue tag = (await host.Admin.GetAsync("/console/main.js")).Headers.ETag!;
        var request = new HttpRequestMessage(HttpMethod.Get, "/console/main.js");
        request.Headers.IfNoneMatch.Add(tag);

        HttpResponseMessage response = await host.Admin.SendAsync(request);

        Assert.Equal(HttpStatusCode.NotModified, response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("/console/nothing.js")]
    [InlineData("/console/..%2fmain.js")]
    [InlineData("/console/index.html/main.js")]
    public async Task File_ThatIsNotOneOfThePages_IsNotFound(string path)
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(new Everything().Parts);

        await ErrorAssert.IsAsync(await host.Admin.GetAsync(path), HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task Caller_IsToldWhoItIs()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(new Everything().Parts);

        HttpResponseMessage response = await host.Admin.SendAsync(Everything.Request(HttpMethod.Get, "/admin/v1/caller", "all"));

        Assert.Equal("""{"tenant":"ward-7","subject":"key-all","roles":["inference","operator","admin"]}""", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Latency_CountsEveryAnswer()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(new Everything { Grid = new FakeGrid().Answers(new Contracts.TokenChunk("a", [1]), FakeGrid.Finished()) }.Parts);
        long before = await CountAsync();

        await host.Client.SendAsync(Everything.Request(HttpMethod.Post, "/v1/completions", "inference", Everything.Json("""{"model":"3","prompt":"p"}""")));

        Assert.True(await CountAsync() > before);

        async Task<long> CountAsync()
        {
            JsonElement report = await GatewayHost.JsonAsync(await host.Admin.SendAsync(Everything.Request(HttpMethod.Get, "/admin/v1/latency", "operator")));
            JsonElement[] buckets = [.. report.GetProperty("time_to_first_token").GetProperty("buckets").EnumerateArray()];
            Assert.Equal(report.GetProperty("bounds").GetArrayLength() + 1, buckets.Length);
            return buckets.Sum(bucket => bucket.GetInt64());
        }
    }
}
