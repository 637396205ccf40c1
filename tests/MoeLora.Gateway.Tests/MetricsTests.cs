using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Metrics;
using MoeLora.Gateway.Tests.Fakes;

namespace MoeLora.Gateway.Tests;

public sealed class MetricsTests
{
    private const string Marker = "zebra-4711";

    // Collectors see every meter of the process, and tests run at once: each test's names are its own.
    private readonly string _name = $"t{Guid.NewGuid():n}";

    [Fact]
    public async Task Instruments_OfEachKind_AreWrittenAsPrometheusReadsThem()
    {
        await using var collector = new SeriesCollector(10);
        using var meter = new Meter("MoeLora.Test");
        Counter<long> counter = meter.CreateCounter<long>($"{_name}.count", "{request}", "Counts.\nTwo \\ lines.");
        Histogram<double> histogram = meter.CreateHistogram<double>($"{_name}.time", "s");
        UpDownCounter<int> running = meter.CreateUpDownCounter<int>($"{_name}.running");
        meter.CreateObservableGauge($"{_name}.blocks", () => new Measurement<int>(7, new KeyValuePair<string, object?>("device", "cpu")));

        counter.Add(2, new("task", "a\"b\\c\nd"), new("status", 200));
        counter.Add(3, new("task", "a\"b\\c\nd"), new("status", 200));
        counter.Add(1, new("task", null), new("status", 404));
        histogram.Record(0.001);
        histogram.Record(0.3);
        histogram.Record(1000);
        running.Add(5);
        running.Add(-2);

        Assert.Equal(
            [
                $$"""{{_name}}_blocks{device="cpu"} 7""",
                $"""# HELP {_name}_count_total Counts.\nTwo \\ lines.""",
                $"# TYPE {_name}_blocks gauge",
                $"# TYPE {_name}_count_total counter",
                $"# TYPE {_name}_running gauge",
                $"# TYPE {_name}_time_seconds histogram",
                $$"""{{_name}}_count_total{task="",status="404"} 1""",
                $$"""{{_name}}_count_total{task="a\"b\\c\nd",status="200"} 5""",
                $"{_name}_running 3",
                $$"""{{_name}}_time_seconds_bucket{le="+Inf"} 3""",
                $$"""{{_name}}_time_seconds_bucket{le="0.001"} 1""",
                $$"""{{_name}}_time_seconds_bucket{le="0.25"} 1""",
                $$"""{{_name}}_time_seconds_bucket{le="0.5"} 2""",
                $$"""{{_name}}_time_seconds_bucket{le="120"} 2""",
                $"{_name}_time_seconds_count 3",
                $"{_name}_time_seconds_sum 1000.301",
            ],
            Lines(collector).Where(line => !line.Contains("_bucket") || Regex.IsMatch(line, "\"(0\\.001|0\\.25|0\\.5|120|\\+Inf)\"")).Order(StringComparer.Ordinal).OrderBy(Rank));

        // A stable order for the list above: what is not a comment after what is, except the gauge that sorts first anyway.
        int Rank(string line) => line.StartsWith($"{_name}_blocks", StringComparison.Ordinal) ? 0 : line.StartsWith('#') ? 1 : 2;
    }

    [Fact]
    public async Task OpenMetrics_NamesTheFamilyAndEnds()
    {
        await using var collector = new SeriesCollector(10);
        using var meter = new Meter("MoeLora.Test");
        meter.CreateCounter<long>($"{_name}.count").Add(1);

        string text = collector.Read(families => PrometheusText.Write(families, openMetrics: true));

        Assert.Contains($"# TYPE {_name}_count counter\n{_name}_count_total 1\n", text);
        Assert.EndsWith("# EOF\n", text);
    }

    [Fact]
    public async Task Series_BeyondTheMost_AreCountedTogether()
    {
        await using var collector = new SeriesCollector(3);
        using var meter = new Meter("MoeLora.Test");
        Counter<long> counter = meter.CreateCounter<long>($"{_name}.count");

        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < 1000; i++)
                counter.Add(1, new("tenant", $"t{i}"), new("task", new string('x', 600)));
        }

        string[] lines = [.. Lines(collector).Where(line => line.Contains("tenant="))];
        Assert.Equal(4, lines.Length);
        Assert.Contains($$"""{{_name}}_count_total{tenant="other",task="other"} 1994""", lines);
        Assert.Equal(3, lines.Count(line => line.EndsWith("\"} 2", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task ObservedSeries_ThatIsToldNoMore_IsGone()
    {
        await using var collector = new SeriesCollector(10);
        using var meter = new Meter("MoeLora.Test");
        string version = "1";
        meter.CreateObservableGauge($"{_name}.running", () => new Measurement<int>(1, new KeyValuePair<string, object?>("version", version)));

        Assert.Contains(Lines(collector), line => line.Contains("version=\"1\""));
        version = "2";

        Assert.DoesNotContain(Lines(collector), line => line.Contains("version=\"1\""));
        Assert.Contains(Lines(collector), line => line.Contains("version=\"2\""));
    }

    [Fact]
    public async Task OtherMeters_AreNotShown()
    {
        await using var collector = new SeriesCollector(10);
        using var meter = new Meter("Somebody.Else");
        meter.CreateCounter<long>($"{_name}.count").Add(1);

        Assert.Empty(Lines(collector));
    }

    [Fact]
    public async Task Answer_ThatBreaksOff_IsMeasuredByTenantTaskAndVersion()
    {
        TenantId tenant = TenantId.Parse(_name);
        var failed = new GenerationFailed(new GridError(GridErrorKind.Stopping, "The server is stopping."));
        var everything = new Everything { Grid = new FakeGrid().Answers(new GenerationStarted(FakeGrid.Provenance, 30), new TokenChunk("a", [1, 2]), failed) };
        everything.Directory.Keys["mine"] = new Caller(tenant, "k", FakeDirectory.All);
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(everything.Parts);

        await host.Client.SendAsync(Everything.Request(HttpMethod.Post, "/v1/completions", "mine", Everything.Json("""{"model":"2","prompt":"p"}""")));

        string labels = $"tenant=\"{_name}\",bank=\"triage\",task=\"医学-triage\",version=\"1\"";
        string text = "";
        for (int i = 0; i < 1000 && !text.Contains($"{labels},outcome="); i++) // the caller has its error before it is counted
            text = await (await host.Admin.SendAsync(Everything.Request(HttpMethod.Get, "/metrics", "operator"))).Content.ReadAsStringAsync();
        Assert.Contains($$"""moelora_requests_total{{{labels}},outcome="stopping"} 1""", text);
        Assert.Contains($$"""moelora_tokens_total{{{labels}},kind="prompt"} 30""", text);
        Assert.Contains($$"""moelora_tokens_total{{{labels}},kind="completion"} 2""", text);
        Assert.Contains($$"""moelora_request_time_to_first_token_seconds_count{{{labels}}} 1""", text);
    }

    [Fact]
    public async Task Answer_IsMeasuredByTenantTaskAndVersion()
    {
        TenantId tenant = TenantId.Parse(_name);
        var timings = new GenerationTimings(TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(30), TimeSpan.FromSeconds(1), 4);
        var finished = new GenerationFinished([FinishReason.Stop], new TokenUsage(30, 5, 10), timings, FakeGrid.Provenance);
        var everything = new Everything { Grid = new FakeGrid().Answers(new TokenChunk("a", [1]), finished) };
        everything.Directory.Keys["mine"] = new Caller(tenant, "k", FakeDirectory.All);
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(everything.Parts);

        await host.Client.SendAsync(Everything.Request(HttpMethod.Post, "/v1/completions", "mine", Everything.Json("""{"model":"2","prompt":"p"}""")));
        await host.Client.SendAsync(Everything.Request(HttpMethod.Post, "/v1/completions", "mine", Everything.Json($$"""{"model":"{{Marker}}","prompt":5}""")));

        HttpResponseMessage response = await host.Admin.SendAsync(Everything.Request(HttpMethod.Get, "/metrics", "operator"));
        string text = await response.Content.ReadAsStringAsync();
        string labels = $"tenant=\"{_name}\",bank=\"triage\",task=\"医学-triage\",version=\"1\"";
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", response.Content.Headers.ContentType?.ToString());
        Assert.Contains($$"""moelora_requests_total{{{labels}},outcome="stop"} 1""", text);
        Assert.Contains($$"""moelora_requests_total{tenant="{{_name}}",bank="",task="",version="",outcome="invalid_type"} 1""", text);
        Assert.Contains($$"""moelora_tokens_total{{{labels}},kind="prompt"} 30""", text);
        Assert.Contains($$"""moelora_tokens_total{{{labels}},kind="completion"} 5""", text);
        Assert.Contains($$"""moelora_tokens_total{{{labels}},kind="cached"} 10""", text);
        Assert.Contains($$"""moelora_request_queue_time_seconds_sum{{{labels}}} 0.02""", text);
        Assert.Contains($$"""moelora_request_time_per_token_seconds_sum{{{labels}}} 0.25""", text);
        Assert.Contains($$"""moelora_request_time_to_first_token_seconds_count{{{labels}}} 1""", text);
        Assert.Contains($$"""moelora_request_duration_seconds_count{{{labels}}} 1""", text);
        Assert.Matches("moelora_http_requests_total\\{route=\"/v1/completions\",status=\"200\"\\} [0-9]+", text);
        Assert.DoesNotContain(Marker, text);
    }

    [Fact]
    public async Task Span_OfAnAnswer_ContinuesTheCallersTraceWithoutItsText()
    {
        TenantId tenant = TenantId.Parse(_name);
        Activity? span = null;
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == Telemetry.ActivitySource,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => span = Equals(activity.GetTagItem("tenant"), _name) ? activity : span,
        };
        ActivitySource.AddActivityListener(listener);
        var everything = new Everything { Grid = new FakeGrid().Answers(new TokenChunk(Marker, [1]), FakeGrid.Finished()) };
        everything.Directory.Keys["mine"] = new Caller(tenant, "k", FakeDirectory.All);
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(everything.Parts);
        HttpRequestMessage request = Everything.Request(HttpMethod.Post, "/v1/completions", "mine", Everything.Json($$"""{"model":"2","prompt":"{{Marker}}"}"""));
        request.Headers.Add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

        await host.Client.SendAsync(request);
        await host.DisposeAsync();

        Assert.NotNull(span);
        Assert.Equal(("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"), (span.TraceId.ToHexString(), span.ParentSpanId.ToHexString()));
        Assert.Equal(("stop", "1", 2), (span.GetTagItem("outcome"), span.GetTagItem("version"), span.GetTagItem("completion_tokens")));
        Assert.DoesNotContain(span.TagObjects, tag => tag.Value?.ToString()?.Contains(Marker) == true);
    }

    private IEnumerable<string> Lines(SeriesCollector collector) =>
        collector.Read(families => PrometheusText.Write(families, openMetrics: false)).Split('\n').Where(line => line.Contains(_name));
}
