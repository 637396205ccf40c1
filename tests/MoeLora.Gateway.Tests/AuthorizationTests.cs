using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Tests.Fakes;

namespace MoeLora.Gateway.Tests;

/// <summary>Walks every route of both listeners. A new route must be added here with the role that it is meant to have.</summary>
public sealed class AuthorizationTests
{
    private static readonly Dictionary<string, Roles> Inference = new()
    {
        ["GET,HEAD /healthz"] = Roles.None,
        ["GET,HEAD /readyz"] = Roles.None,
        ["GET,HEAD /readyz/own"] = Roles.None,
        ["GET,HEAD /openapi.json"] = Roles.None,
        ["POST /v1/completions"] = Roles.Inference,
        ["POST /v1/chat/completions"] = Roles.Inference,
        ["GET,HEAD /v1/models"] = Roles.Inference,
        ["GET,HEAD /v1/models/{**id}"] = Roles.Inference,
    };

    private static readonly Dictionary<string, Roles> Administration = new()
    {
        ["GET,HEAD /healthz"] = Roles.None,
        ["GET,HEAD /readyz"] = Roles.None,
        ["GET,HEAD /readyz/own"] = Roles.None,
        ["GET,HEAD /openapi.json"] = Roles.None,
        ["GET,HEAD /metrics"] = Roles.Operator,
        ["GET,HEAD /console/{file?}"] = Roles.None,
        ["GET,HEAD /admin/v1/console"] = Roles.None,
        ["GET,HEAD /admin/v1/caller"] = FakeDirectory.All, // any of them
        ["GET,HEAD /admin/v1/latency"] = Roles.Operator,
        ["POST /admin/v1/playground/completions"] = Roles.Inference,
        ["POST /admin/v1/playground/chat/completions"] = Roles.Inference,
        ["GET,HEAD /admin/v1/playground/models"] = Roles.Inference,
        ["GET,HEAD /admin/v1/overview"] = Roles.Operator,
        ["GET,HEAD /admin/v1/silos"] = Roles.Operator,
        ["GET,HEAD /admin/v1/versions"] = Roles.Operator,
        ["GET,HEAD /admin/v1/banks/{bank}/history"] = Roles.Operator,
        ["POST /admin/v1/bundles"] = Roles.Operator,
        ["POST /admin/v1/banks/{bank}/versions/{version}/load"] = Roles.Operator,
        ["POST /admin/v1/banks/{bank}/versions/{version}/activate"] = Roles.Operator,
        ["POST /admin/v1/banks/{bank}/versions/{version}/canary"] = Roles.Operator,
        ["POST /admin/v1/banks/{bank}/versions/{version}/shadow"] = Roles.Operator,
        ["POST /admin/v1/banks/{bank}/versions/{version}/retire"] = Roles.Operator,
        ["POST /admin/v1/banks/{bank}/rollback"] = Roles.Operator,
        ["GET,HEAD /admin/v1/tenants"] = Roles.Admin,
        ["GET,HEAD /admin/v1/tenants/{tenant}"] = Roles.Admin,
        ["PUT /admin/v1/tenants/{tenant}"] = Roles.Admin,
        ["GET,HEAD /admin/v1/tenants/{tenant}/keys"] = Roles.Admin,
        ["POST /admin/v1/tenants/{tenant}/keys"] = Roles.Admin,
        ["POST /admin/v1/keys/{key}/rotate"] = Roles.Admin,
        ["DELETE /admin/v1/keys/{key}"] = Roles.Admin,
        ["GET,HEAD /admin/v1/audit"] = Roles.Admin,
        ["GET,HEAD /admin/v1/audit/verify"] = Roles.Admin,
    };

    private static readonly (string? Key, Roles Roles)[] Credentials =
        [(null, Roles.None), ("wrong", Roles.None), ("expired", Roles.None), ("inference", Roles.Inference), ("operator", Roles.Operator), ("admin", Roles.Admin), ("all", FakeDirectory.All)];

    [Fact]
    public async Task Routes_AreThoseOfTheTable_EachWithItsRole()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(new Everything().Parts);

        Dictionary<string, Roles>[] mapped =
        [
            .. host.Server.Applications.Select(app => Endpoints(app).ToDictionary(
                endpoint => $"{string.Join(',', endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods)} {endpoint.RoutePattern.RawText}",
                endpoint => endpoint.Metadata.GetRequiredMetadata<RequiredRole>().Role)),
        ];

        Assert.Equal(2, mapped.Length);
        Assert.Equal(Inference.OrderBy(route => route.Key), mapped[0].OrderBy(route => route.Key));
        Assert.Equal(Administration.OrderBy(route => route.Key), mapped[1].OrderBy(route => route.Key));
    }

    [Fact]
    public async Task EveryRoute_LetsInItsRoleAndNobodyElse()
    {
        var everything = new Everything();
        everything.Directory.Tenants[FakeDirectory.Ward] = new Tenant(FakeDirectory.Ward, TenantLimits.None, true, DateTimeOffset.UnixEpoch);
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(everything.Parts);
        var wrong = new List<string>();
        foreach ((HttpClient client, Dictionary<string, Roles> routes) in new[] { (host.Client, Inference), (host.Admin, Administration) })
        {
            foreach ((string route, Roles role) in routes)
            {
                foreach ((string? key, Roles roles) in Credentials)
                {
                    (string methods, string path) = (route.Split(' ')[0], Filled(route));
                    foreach (string method in methods.Split(','))
                    {
                        HttpResponseMessage response = await client.SendAsync(Everything.Request(new HttpMethod(method), path, key));

                        HttpStatusCode? expected = role == Roles.None || (roles & role) != 0 ? null : roles == Roles.None ? HttpStatusCode.Unauthorized : HttpStatusCode.Forbidden;
                        bool denied = response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden;
                        if (expected is { } status ? response.StatusCode != status : denied || (int)response.StatusCode >= 500)
                            wrong.Add($"{method} {path} with {key ?? "no key"}: {(int)response.StatusCode}");
                        if (response.StatusCode == HttpStatusCode.Unauthorized)
                            Assert.Equal("Bearer", Assert.Single(response.Headers.WwwAuthenticate).Scheme);
                    }
                }
            }
        }

        Assert.True(wrong.Count == 0, string.Join(Environment.NewLine, wrong));
    }

    [Fact]
    public async Task Listeners_DoNotAnswerEachOthersRoutes()
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(new Everything().Parts);
        string[] common = [.. Inference.Keys.Intersect(Administration.Keys)];

        foreach ((HttpClient client, HttpClient other, IEnumerable<string> routes) in new[] { (host.Client, host.Admin, Administration.Keys.Except(common)), (host.Admin, host.Client, Inference.Keys.Except(common)) })
        {
            foreach (string route in routes)
            {
                HttpRequestMessage request = Everything.Request(new HttpMethod(route.Split(' ')[0].Split(',')[0]), Filled(route), "all");
                request.Headers.Host = other.BaseAddress!.Authority; // nor where the call says that it was for the other
                request.Headers.Add("X-Forwarded-Port", $"{other.BaseAddress.Port}");

                HttpResponseMessage response = await client.SendAsync(request);

                Assert.True(response.StatusCode == HttpStatusCode.NotFound, $"{route}: {(int)response.StatusCode}");
            }
        }
    }

    [Fact]
    public void Route_WithoutARole_DoesNotStart()
    {
        WebApplication app = WebApplication.CreateSlimBuilder().Build();
        app.MapGet("/fine", () => "").Requires(Roles.None);
        app.CheckRoles();
        app.MapGet("/forgotten", () => "");

        InvalidOperationException exception = Assert.Throws<InvalidOperationException>(app.CheckRoles);

        Assert.Contains("/forgotten", exception.Message);
        Assert.DoesNotContain("/fine", exception.Message);
    }

    [Theory]
    [InlineData("Basic aW5mZXJlbmNlOg==")]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("inference")]
    [InlineData("Bearer inference,inference")]
    public async Task Header_OfAnotherForm_IsRefused(string header)
    {
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(new Everything().Parts);
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.TryAddWithoutValidation("Authorization", header);

        await ErrorAssert.IsAsync(await host.Client.SendAsync(request), HttpStatusCode.Unauthorized, "invalid_api_key");
    }

    [Fact]
    public async Task Key_IsHandedOnAsTenantAndSubject()
    {
        var everything = new Everything { Grid = new FakeGrid().Answers(FakeGrid.Finished()) };
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(everything.Parts);

        await host.Client.SendAsync(Everything.Request(HttpMethod.Post, "/v1/completions", "inference", Everything.Json("""{"model":"3","prompt":"p"}""")));

        Assert.Equal((FakeDirectory.Ward, "key-inference"), (everything.Grid.LastRequest!.Tenant, everything.Grid.LastRequest.Subject));
    }

    [Fact]
    public async Task Directory_ThatCannotBeReached_IsUnavailableAndNoDenial()
    {
        var everything = new Everything();
        everything.Directory.Refusal = new Contracts.GridError(Contracts.GridErrorKind.Unavailable, "The database cannot be reached.");
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(everything.Parts);

        HttpResponseMessage response = await host.Client.SendAsync(Everything.Request(HttpMethod.Get, "/v1/models", "inference"));

        await ErrorAssert.IsAsync(response, HttpStatusCode.ServiceUnavailable, "unavailable", type: "server_error");
        Assert.NotNull(response.Headers.RetryAfter);
        await host.DisposeAsync();
        Assert.Empty(everything.Trail.Entries);
    }

    [Fact]
    public async Task Models_AreThoseThatTheTenantMayAsk()
    {
        var everything = new Everything();
        everything.Grid.Models[0] = everything.Grid.Models[0] with { Bank = "triage", Version = "1" };
        everything.Grid.Models[1] = everything.Grid.Models[1] with { Bank = "billing", Version = "1" };
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(everything.Parts);

        HttpResponseMessage list = await host.Client.SendAsync(Everything.Request(HttpMethod.Get, "/v1/models", "inference"));
        HttpResponseMessage other = await host.Client.SendAsync(Everything.Request(HttpMethod.Get, "/v1/models/3", "inference"));

        Assert.Equal("医学-triage", Assert.Single((await GatewayHost.JsonAsync(list)).GetProperty("data").EnumerateArray()).GetProperty("id").GetString());
        await ErrorAssert.IsAsync(other, HttpStatusCode.Forbidden, "forbidden", "model");
    }

    [Theory]
    [InlineData("127.0.0.1", null, true)]
    [InlineData("localhost", null, true)]
    [InlineData("localhost", "http://localhost:{port}", true)]
    [InlineData("evil.example", null, false)] // a name that was bent to this address
    [InlineData("localhost", "https://evil.example", false)] // a web page of elsewhere
    [InlineData("localhost", "null", false)]
    public async Task AnonymousCaller_HasAllRolesOnlyFromHere(string name, string? origin, bool allowed)
    {
        var parts = new Everything().Parts with { Tenants = null };
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(parts, options => options.AllowAnonymous = true);
        var request = new HttpRequestMessage(HttpMethod.Post, "/admin/v1/banks/triage/rollback");
        request.Headers.Host = $"{name}:{host.Admin.BaseAddress!.Port}";
        if (origin is not null)
            request.Headers.Add("Origin", origin.Replace("{port}", $"{host.Admin.BaseAddress.Port}"));

        HttpResponseMessage response = await host.Admin.SendAsync(request);

        Assert.Equal(allowed ? HttpStatusCode.OK : HttpStatusCode.Forbidden, response.StatusCode);
    }

    [Fact]
    public async Task AnonymousCaller_WithAnyKey_IsLetIn()
    {
        // OpenAI's clients cannot do without a key.
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());
        host.Client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "sk-anything");

        Assert.Equal(HttpStatusCode.OK, (await host.Client.GetAsync("/v1/models")).StatusCode);
    }

    [Fact]
    public async Task Gateway_WithoutAnyWayToProveCallers_DoesNotStart()
    {
        ArgumentException exception = await Assert.ThrowsAsync<ArgumentException>(() => GatewayHost.StartAsync(new FakeGrid(), options => options.AllowAnonymous = false));

        Assert.Contains(nameof(GatewayOptions.AllowAnonymous), exception.Message);
    }

    private static IEnumerable<RouteEndpoint> Endpoints(WebApplication app) =>
        app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>();

    private static string Filled(string route) => route.Split(' ')[1]
        .Replace("{**id}", "3").Replace("{bank}", "triage").Replace("{file?}", "main.js").Replace("{version}", "2").Replace("{tenant}", "ward-7").Replace("{key}", "k1");
}
