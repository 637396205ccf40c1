using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Tests.Commands;

public sealed class ServeCommandTests
{
    [Theory]
    [InlineData("llama-tiny", "shared")]
    [InlineData("chatglm-tiny", "merged")]
    public async Task Serve_Completion_HasTheTokensOfThePack(string pack, string mode)
    {
        await using ServeRun serve = await ServeRun.StartAsync("--model", Packs.Model(pack), "--adapter", Packs.Adapter(pack), "--mode", mode);
        int[] prompt = Packs.Prompt(pack, 0).Split(',').Select(int.Parse).ToArray();
        int[] expected = Packs.Greedy(pack, 2);

        HttpResponseMessage response = await serve.Client.PostAsJsonAsync(
            "/v1/completions", new { model = "2", prompt, max_tokens = expected.Length, temperature = 0, return_token_ids = true });

        JsonElement answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(expected, answer.GetProperty("choices")[0].GetProperty("token_ids").Deserialize<int[]>());
        Assert.Equal(mode, answer.GetProperty("provenance").GetProperty("mode").GetString());
    }

    [Theory]
    [InlineData("qwen2-tiny", false)]
    [InlineData("chatglm-tiny", false)]
    [InlineData("qwen2-tiny", true)]
    public async Task Serve_PrintedCurl_IsARequestThatTheFirstTaskAnswers(string pack, bool hasTokenizer)
    {
        using var directory = new TemporaryDirectory();
        string model = Packs.Copy(pack, directory);
        if (hasTokenizer)
            ByteTokenizer.Write(model);
        await using ServeRun serve = await ServeRun.StartAsync("--model", model, "--adapter", Packs.Adapter(pack));
        Match curl = Regex.Match(serve.Announcement, @"curl -s (?<url>\S+) -H 'Content-Type: application/json' -d '(?<body>[^']+)'");
        Assert.True(curl.Success, serve.Announcement);

        using var body = new StringContent(curl.Groups["body"].Value, null, "application/json");
        HttpResponseMessage response = await serve.Client.PostAsync(curl.Groups["url"].Value, body);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task Serve_Stopped_EndsWithZero()
    {
        ServeRun serve = await ServeRun.StartAsync("--model", Packs.Model("qwen2-tiny"));

        Assert.Equal(ExitCode.Ok, await serve.StopAsync());
    }

    [Fact]
    public async Task Serve_PortInUse_IsRefused()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();

        Invocation run = await Invocation.RunAsync("serve", "--model", Packs.Model("qwen2-tiny"), "--urls", $"http://127.0.0.1:{((IPEndPoint)taken.LocalEndpoint).Port}");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("cannot listen on http://127.0.0.1:", run.Error);
        Assert.Contains("address already in use", run.Error);
        Assert.DoesNotContain("defect", run.Error);
    }

    [Fact]
    public async Task Serve_AddressOfNoInterface_IsRefusedWithTheAddress()
    {
        // 192.0.2.0/24 is for documentation only: no machine has it.
        Invocation run = await Invocation.RunAsync("serve", "--model", Packs.Model("qwen2-tiny"), "--urls", "http://192.0.2.1:8080");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("cannot listen on http://192.0.2.1:8080", run.Error);
        Assert.Contains("no authentication yet", run.Error);
    }

    [Theory]
    [InlineData("https://127.0.0.1:1")]
    [InlineData("8080")]
    [InlineData("http://127.0.0.1:1/base")]
    [InlineData("")]
    public async Task Serve_AddressThatIsNone_IsAUsageError(string urls)
    {
        Invocation run = await Invocation.RunAsync("serve", "--model", Packs.Model("qwen2-tiny"), "--urls", urls);

        Assert.Equal(ExitCode.Usage, run.ExitCode);
        Assert.Contains("such as http://127.0.0.1:8080", run.Error);
    }

    [Fact]
    public async Task Serve_AdapterOfAnotherModel_StopsWithTheMismatches()
    {
        Invocation run = await Invocation.RunAsync(
            "serve", "--model", Packs.Model("llama-tiny"), "--adapter", Packs.Adapter("qwen2-tiny"), "--urls", "http://127.0.0.1:0");

        Assert.Equal(ExitCode.Failed, run.ExitCode);
        Assert.Contains("[160, 2] instead of [176, 2]", run.Error);
        Assert.Empty(run.Out);
    }

    /// <summary>A server in this process, from its announcement to its end.</summary>
    private sealed class ServeRun : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop;
        private readonly Task<int> _run;

        private ServeRun(Task<int> run, CancellationTokenSource stop)
        {
            _run = run;
            _stop = stop;
        }

        public required HttpClient Client { get; init; }

        public required string Announcement { get; init; }

        public static async Task<ServeRun> StartAsync(params string[] rest)
        {
            var output = new LineChannel();
            var error = new StringWriter();
            var terminal = new Terminal { Out = output, Error = error };
            var stop = new CancellationTokenSource();
            Task<int> run = MoeLoraProgram.RunAsync(["serve", "--urls", "http://127.0.0.1:0", .. rest], terminal, stop.Token);
            var text = new List<string>();
            while (!text.Any(line => line.Contains("curl")))
            {
                Task<string> line = output.ReadAsync();
                if (await Task.WhenAny(line, run) == run)
                    Assert.Fail($"The server ended: {error}");
                text.Add(await line);
            }

            string announcement = string.Join('\n', text);
            string url = Regex.Match(announcement, @"http://127\.0\.0\.1:\d+").Value;
            return new ServeRun(run, stop) { Announcement = announcement, Client = new HttpClient { BaseAddress = new Uri(url) } };
        }

        public async Task<int> StopAsync()
        {
            await _stop.CancelAsync();
            return await _run;
        }

        public async ValueTask DisposeAsync()
        {
            await StopAsync();
            Client.Dispose();
            _stop.Dispose();
        }
    }
}
