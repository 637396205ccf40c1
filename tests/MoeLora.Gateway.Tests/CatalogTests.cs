using System.Net;
using System.Text.Json;

namespace MoeLora.Gateway.Tests;

public sealed class CatalogTests
{
    [Fact]
    public async Task Models_ListEveryTaskInOpenAIsShape()
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        JsonElement root = await GatewayHost.JsonAsync(await host.Client.GetAsync("/v1/models"));

        Assert.Equal("list", root.GetProperty("object").GetString());
        Assert.Equal(2, root.GetProperty("data").GetArrayLength());
        Assert.Equal(
            """{"id":"医学-triage","created":100,"task_id":2,"bank":null,"version":null,"base_model":"tiny-base","mode":"shared","context_length":512,"object":"model","owned_by":"moelora"}""",
            root.GetProperty("data")[0].GetRawText());
    }

    [Theory]
    [InlineData("/v1/models/3")]
    [InlineData("/v1/models/2")]
    [InlineData("/v1/models/%E5%8C%BB%E5%AD%A6-triage")]
    public async Task Model_ByNameOrId_IsFound(string path)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        HttpResponseMessage response = await host.Client.GetAsync(path);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("model", (await GatewayHost.JsonAsync(response)).GetProperty("object").GetString());
    }

    [Theory]
    [InlineData("/v1/models/unknown")]
    [InlineData("/v1/models/a/b")]
    public async Task Model_ThatIsUnknown_IsRefusedWithTheOnesThereAre(string path)
    {
        await using GatewayHost host = await GatewayHost.StartAsync(new FakeGrid());

        string message = await ErrorAssert.IsAsync(await host.Client.GetAsync(path), HttpStatusCode.NotFound, "model_not_found", "model");

        Assert.Contains("医学-triage", message);
    }
}
