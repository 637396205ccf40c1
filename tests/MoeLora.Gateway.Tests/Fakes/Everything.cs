namespace MoeLora.Gateway.Tests.Fakes;

/// <summary>A whole gateway's parts.</summary>
internal sealed class Everything
{
    public FakeGrid Grid { get; init; } = new();

    public FakeDirectory Directory { get; } = new();

    public FakeTrail Trail { get; } = new();

    public FakeRollouts Rollouts { get; } = new();

    public TimeProvider Time { get; init; } = TimeProvider.System;

    public GatewayParts Parts => new()
    {
        Grid = Grid,
        Tenants = Directory,
        Rollouts = Rollouts,
        Overview = new FakeOverview(),
        Silos = new FakeOverview(),
        Audit = Trail,
        Time = Time,
    };

    public static HttpRequestMessage Request(HttpMethod method, string path, string? key, HttpContent? content = null)
    {
        var request = new HttpRequestMessage(method, path) { Content = content };
        if (key is not null)
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
        return request;
    }

    public static StringContent Json(string text) => new(text, System.Text.Encoding.UTF8, "application/json");
}
