using System.Net;
using System.Text.Json;

namespace MoeLora.Gateway.Tests;

/// <summary>Checks OpenAI's shape of a failure, exactly.</summary>
internal static class ErrorAssert
{
    /// <returns>The message.</returns>
    public static async Task<string> IsAsync(HttpResponseMessage response, HttpStatusCode status, string code, string? param = null, string type = "invalid_request_error")
    {
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(status == response.StatusCode, $"{(int)response.StatusCode}: {body}");
        Assert.Equal("application/json; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        JsonElement root = JsonDocument.Parse(body).RootElement;
        Assert.Equal(["error"], root.EnumerateObject().Select(property => property.Name));
        JsonElement error = root.GetProperty("error");
        Assert.Equal(["message", "type", "param", "code"], error.EnumerateObject().Select(property => property.Name));
        Assert.Equal(code, error.GetProperty("code").GetString());
        Assert.Equal(param, error.GetProperty("param").GetString());
        Assert.Equal(type, error.GetProperty("type").GetString());
        return error.GetProperty("message").GetString()!;
    }
}
