using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Tests.Fakes;

namespace MoeLora.Gateway.Tests;

/// <summary>Pages of others: who may read them, and what a browser's ticket is good for.</summary>
public sealed class PageTicketTests
{
    private readonly ManualTime _time = new();
    private readonly Everything _everything;

    public PageTicketTests() => _everything = new Everything { Time = _time };

    [Theory]
    [InlineData(null, HttpStatusCode.Unauthorized)]
    [InlineData("operator", HttpStatusCode.Forbidden)]
    [InlineData("admin", HttpStatusCode.OK)]
    public async Task Page_IsForAdministratorsAlone(string? key, HttpStatusCode expected)
    {
        await using GatewayHost host = await StartAsync();

        HttpResponseMessage response = await ClientOf(host).SendAsync(Everything.Request(HttpMethod.Get, "/others/", key));

        Assert.Equal(expected, response.StatusCode);
        if (key is null)
            Assert.Equal("Basic", Assert.Single(response.Headers.WwwAuthenticate).Scheme); // the browser asks for the key by itself
    }

    [Fact]
    public async Task Ticket_ReadsThePagesAndNothingElse()
    {
        await using GatewayHost host = await StartAsync();

        (string cookie, string attributes) = await BeginAsync(host);

        Assert.Equal(["httponly", "samesite=strict"], attributes.Split(';', StringSplitOptions.TrimEntries).Order(StringComparer.Ordinal)); // no path: that of the call's folder
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, HttpMethod.Get, "/others/", cookie));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, HttpMethod.Post, "/others/", cookie));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, HttpMethod.Post, "/others/session", cookie));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, HttpMethod.Get, "/admin/v1/tenants", cookie));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, HttpMethod.Get, "/others/", cookie[..^1] + (cookie[^1] == '0' ? '1' : '0')));
    }

    [Theory]
    [InlineData("operator")]
    [InlineData("inference")]
    [InlineData("wrong")]
    public async Task Ticket_OfOthers_IsNotGiven(string key)
    {
        await using GatewayHost host = await StartAsync();

        HttpResponseMessage response = await ClientOf(host).SendAsync(Everything.Request(HttpMethod.Post, "/others/session", key));

        Assert.True(response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden);
        Assert.False(response.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task Ticket_IsWorthWhatItsKeyIsWorthNow()
    {
        await using GatewayHost host = await StartAsync();
        (string cookie, _) = await BeginAsync(host);

        _everything.Directory.Keys["admin"] = _everything.Directory.Keys["admin"] with { Roles = Roles.Operator };
        Assert.Equal(HttpStatusCode.Forbidden, await StatusAsync(host, HttpMethod.Get, "/others/", cookie));
        _everything.Directory.Keys.Remove("admin");
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, HttpMethod.Get, "/others/", cookie));
    }

    [Fact]
    public async Task Ticket_EndsWithItsTime_OrWhenItIsGivenBack()
    {
        await using GatewayHost host = await StartAsync();
        (string first, _) = await BeginAsync(host);
        HttpRequestMessage leave = Everything.Request(HttpMethod.Delete, "/others/session", "admin");
        leave.Headers.Add("Cookie", first);

        Assert.Equal(HttpStatusCode.NoContent, (await ClientOf(host).SendAsync(leave)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, HttpMethod.Get, "/others/", first));

        (string second, _) = await BeginAsync(host);
        _time.Advance(TimeSpan.FromHours(8));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, HttpMethod.Get, "/others/", second));
    }

    [Fact]
    public async Task Tickets_AreBounded_TheOldestGoFirst()
    {
        await using GatewayHost host = await StartAsync();
        (string first, _) = await BeginAsync(host);
        _time.Advance(TimeSpan.FromSeconds(1));
        (string second, _) = await BeginAsync(host);
        _time.Advance(TimeSpan.FromSeconds(1));
        for (int i = 0; i < 999; i++)
            await BeginAsync(host);

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(host, HttpMethod.Get, "/others/", first));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(host, HttpMethod.Get, "/others/", second));
    }

    // Without cookies of its own: tests say what they send.
    private static HttpClient ClientOf(GatewayHost host) => new(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = host.Admin.BaseAddress };

    private Task<GatewayHost> StartAsync() => GatewayHost.StartGuardedAsync(_everything.Parts with { Pages = [new Others()] });

    private static async Task<(string Cookie, string Attributes)> BeginAsync(GatewayHost host)
    {
        HttpResponseMessage response = await ClientOf(host).SendAsync(Everything.Request(HttpMethod.Post, "/others/session", "admin"));
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        string[] parts = Assert.Single(response.Headers.GetValues("Set-Cookie")).Split(';', 2);
        return (parts[0], parts[1].Trim());
    }

    private static async Task<HttpStatusCode> StatusAsync(GatewayHost host, HttpMethod method, string path, string cookie)
    {
        HttpRequestMessage request = Everything.Request(method, path, null);
        request.Headers.Add("Cookie", cookie);
        return (await ClientOf(host).SendAsync(request)).StatusCode;
    }

    private sealed class Others : IAdministrationPages
    {
        public string Title => "Others";

        public string Path => "others";

        public void AddServices(IServiceCollection services)
        {
        }

        public IEndpointConventionBuilder Map(IEndpointRouteBuilder routes)
        {
            RouteGroupBuilder group = routes.MapGroup("/others");
            group.MapGet("/", () => Results.Text("page"));
            group.MapPost("/", () => Results.Text("changed"));
            return group;
        }
    }
}
