using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Tests.Fakes;

namespace MoeLora.Gateway.Tests;

/// <summary>JSON Web Tokens of an issuer whose keys are given: no network.</summary>
public sealed class TokenTests : IDisposable
{
    private const string Issuer = "https://login.hospital.example/realm";

    private readonly RSA _rsa = RSA.Create(2048);
    private readonly Everything _everything = new() { Grid = new FakeGrid().Answers(FakeGrid.Finished()) };

    public void Dispose() => _rsa.Dispose();

    [Fact]
    public async Task Token_OfTheIssuer_IsTenantSubjectAndRoles()
    {
        await using GatewayHost host = await StartAsync();

        HttpResponseMessage response = await AskAsync(host, Token());

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal((FakeDirectory.Ward, $"{Issuer}|nurse-1"), (_everything.Grid.LastRequest!.Tenant, _everything.Grid.LastRequest.Subject));
    }

    [Theory]
    [InlineData("issuer", HttpStatusCode.Unauthorized)]
    [InlineData("audience", HttpStatusCode.Unauthorized)]
    [InlineData("expired", HttpStatusCode.Unauthorized)]
    [InlineData("early", HttpStatusCode.Unauthorized)]
    [InlineData("other key", HttpStatusCode.Unauthorized)]
    [InlineData("unsigned", HttpStatusCode.Unauthorized)]
    [InlineData("symmetric", HttpStatusCode.Unauthorized)]
    [InlineData("changed", HttpStatusCode.Unauthorized)]
    [InlineData("garbage", HttpStatusCode.Unauthorized)]
    [InlineData("no subject", HttpStatusCode.Forbidden)]
    [InlineData("no tenant", HttpStatusCode.Forbidden)]
    [InlineData("bad tenant", HttpStatusCode.Forbidden)]
    [InlineData("unknown tenant", HttpStatusCode.Forbidden)]
    [InlineData("the process itself", HttpStatusCode.Forbidden)]
    [InlineData("disabled tenant", HttpStatusCode.Forbidden)]
    [InlineData("no roles", HttpStatusCode.Forbidden)]
    [InlineData("other roles", HttpStatusCode.Forbidden)]
    public async Task Token_ThatIsWrong_IsRefused(string what, HttpStatusCode expected)
    {
        if (what == "disabled tenant")
            _everything.Directory.Tenants[FakeDirectory.Ward] = _everything.Directory.Tenants[FakeDirectory.Ward] with { Enabled = false };
        if (what == "the process itself") // even where a directory knows it
            _everything.Directory.Tenants[TenantId.Local] = _everything.Directory.Tenants[FakeDirectory.Ward] with { Id = TenantId.Local };
        using RSA other = RSA.Create(2048);
        string token = what switch
        {
            "issuer" => Token(descriptor => descriptor.Issuer = "https://elsewhere.example"),
            "audience" => Token(descriptor => descriptor.Audience = "another"),
            "expired" => Token(descriptor => (descriptor.NotBefore, descriptor.Expires) = (DateTime.UtcNow.AddHours(-2), DateTime.UtcNow.AddHours(-1))),
            "early" => Token(descriptor => (descriptor.NotBefore, descriptor.Expires) = (DateTime.UtcNow.AddHours(1), DateTime.UtcNow.AddHours(2))),
            "other key" => Token(descriptor => descriptor.SigningCredentials = new SigningCredentials(new RsaSecurityKey(other) { KeyId = "k" }, SecurityAlgorithms.RsaSha256)),
            "unsigned" => Token(descriptor => descriptor.SigningCredentials = null),
            // The classical forgery: the public key taken for a shared secret.
            "symmetric" => Token(descriptor => descriptor.SigningCredentials = new SigningCredentials(new SymmetricSecurityKey(_rsa.ExportSubjectPublicKeyInfo()) { KeyId = "k" }, SecurityAlgorithms.HmacSha256)),
            "changed" => Changed(Token()),
            "garbage" => "a.b.c",
            "no subject" => Token(descriptor => descriptor.Claims!.Remove("sub")),
            "no tenant" => Token(descriptor => descriptor.Claims!.Remove("tenant")),
            "bad tenant" => Token(descriptor => descriptor.Claims!["tenant"] = "Ward 7"),
            "unknown tenant" => Token(descriptor => descriptor.Claims!["tenant"] = "ward-8"),
            "the process itself" => Token(descriptor => descriptor.Claims!["tenant"] = "local"),
            "no roles" => Token(descriptor => descriptor.Claims!.Remove("roles")),
            "other roles" => Token(descriptor => descriptor.Claims!["roles"] = new[] { "operator", "Inference" }),
            _ => Token(),
        };
        await using GatewayHost host = await StartAsync();

        HttpResponseMessage response = await AskAsync(host, token);

        Assert.Equal(expected, response.StatusCode);
        Assert.Null(_everything.Grid.LastRequest);
        await host.DisposeAsync();
        Assert.DoesNotContain(token, host.Log.Text);
    }

    [Fact]
    public async Task Key_BesideTokens_IsStillTaken()
    {
        await using GatewayHost host = await StartAsync();

        Assert.Equal(HttpStatusCode.OK, (await AskAsync(host, "inference")).StatusCode);
    }

    [Fact]
    public async Task Claims_OfOtherNames_AreReadAsConfigured()
    {
        await using GatewayHost host = await StartAsync(oidc => oidc with
        {
            TenantClaim = "organisation",
            RolesClaim = "scope",
            RoleNames = new Dictionary<string, Roles> { ["moelora.ask"] = Roles.Inference },
        });

        HttpResponseMessage response = await AskAsync(host, Token(descriptor => descriptor.Claims = new Dictionary<string, object>
        {
            ["sub"] = "nurse-1",
            ["organisation"] = "ward-7",
            ["scope"] = "openid moelora.ask",
        }));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("""{"roles":["offline_access","inference"]}""", HttpStatusCode.OK)]
    [InlineData("""{"roles":"openid inference"}""", HttpStatusCode.OK)]
    [InlineData("""{"roles":["offline_access"]}""", HttpStatusCode.Forbidden)]
    [InlineData("""{"roles":[{"name":"inference"}]}""", HttpStatusCode.Forbidden)]
    [InlineData("""{"groups":["inference"]}""", HttpStatusCode.Forbidden)]
    [InlineData("""["inference"]""", HttpStatusCode.Forbidden)]
    public async Task Roles_InsideAClaim_AreReadByTheirPath(string access, HttpStatusCode expected)
    {
        await using GatewayHost host = await StartAsync(oidc => oidc with { RolesClaim = "realm_access.roles" });

        HttpResponseMessage response = await AskAsync(host, Token(descriptor =>
        {
            descriptor.Claims!.Remove("roles");
            descriptor.Claims["realm_access"] = JsonSerializer.Deserialize<JsonElement>(access);
        }));

        Assert.Equal(expected, response.StatusCode);
    }

    [Fact]
    public async Task Roles_AsJsonInAText_AreNotRead()
    {
        await using GatewayHost host = await StartAsync(oidc => oidc with { RolesClaim = "nickname.roles" });

        HttpResponseMessage response = await AskAsync(host, Token(descriptor =>
        {
            descriptor.Claims!.Remove("roles");
            descriptor.Claims["nickname"] = """{"roles":["inference"]}"""; // what a user may write about himself
        }));

        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }

    [Fact]
    public async Task Roles_OfAClaimWithDotsInItsName_AreRead()
    {
        await using GatewayHost host = await StartAsync(oidc => oidc with { RolesClaim = "https://hospital.example/roles" });

        HttpResponseMessage response = await AskAsync(host, Token(descriptor =>
        {
            descriptor.Claims!.Remove("roles");
            descriptor.Claims["https://hospital.example/roles"] = new[] { "inference" };
        }));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    private static string Changed(string token)
    {
        string[] parts = token.Split('.');
        string payload = Encoding.UTF8.GetString(Base64UrlEncoder.DecodeBytes(parts[1])).Replace("inference", "admin");
        return $"{parts[0]}.{Base64UrlEncoder.Encode(payload)}.{parts[2]}";
    }

    private static Task<HttpResponseMessage> AskAsync(GatewayHost host, string token) =>
        host.Client.SendAsync(Everything.Request(HttpMethod.Post, "/v1/completions", token, Everything.Json("""{"model":"3","prompt":"p"}""")));

    private Task<GatewayHost> StartAsync(Func<OidcOptions, OidcOptions>? change = null)
    {
        var options = new OidcOptions { Issuer = Issuer, Audience = "moelora", KeySet = KeySet() };
        return GatewayHost.StartGuardedAsync(_everything.Parts, gateway => gateway.Oidc = change?.Invoke(options) ?? options);
    }

    private string KeySet()
    {
        RSAParameters parameters = _rsa.ExportParameters(false);
        return JsonSerializer.Serialize(new { keys = new[] { new { kty = "RSA", kid = "k", use = "sig", n = Base64UrlEncoder.Encode(parameters.Modulus), e = Base64UrlEncoder.Encode(parameters.Exponent) } } });
    }

    private string Token(Action<SecurityTokenDescriptor>? change = null)
    {
        var descriptor = new SecurityTokenDescriptor
        {
            Issuer = Issuer,
            Audience = "moelora",
            Expires = DateTime.UtcNow.AddMinutes(5),
            Claims = new Dictionary<string, object> { ["sub"] = "nurse-1", ["tenant"] = "ward-7", ["roles"] = new[] { "inference" } },
            SigningCredentials = new SigningCredentials(new RsaSecurityKey(_rsa) { KeyId = "k" }, SecurityAlgorithms.RsaSha256),
        };
        change?.Invoke(descriptor);
        return new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(descriptor);
    }
}
