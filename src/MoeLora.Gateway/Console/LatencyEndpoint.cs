using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;
using MoeLora.Gateway.Http;
using MoeLora.Gateway.Metrics;

namespace MoeLora.Gateway.Console;

/// <summary><c>GET /admin/v1/latency</c>: the histograms of <c>/metrics</c> over all series, small enough to be asked for every second.</summary>
internal sealed class LatencyEndpoint(SeriesCollector series)
{
    public Task ReadAsync(HttpContext context) =>
        Answer.WriteAsync(context, StatusCodes.Status200OK, series.Read(Report), ConsoleJson.Readable.LatencyReport);

    private static LatencyReport Report(IEnumerable<Family> families)
    {
        Dictionary<string, Family> byName = families.ToDictionary(family => family.Name);
        return new LatencyReport(byName[Telemetry.TimeToFirstToken].Bounds, Of(Telemetry.TimeToFirstToken), Of(Telemetry.TimePerToken), Of(Telemetry.QueueTime));

        LatencyTotals Of(string name)
        {
            Family family = byName[name];
            double sum = 0;
            long[] counts = new long[family.Bounds.Count + 1];
            foreach (Series one in family.Series)
            {
                (double value, long[] buckets) = one.Read();
                sum += value;
                for (int i = 0; i < counts.Length; i++)
                    counts[i] += buckets[i];
            }

            return new LatencyTotals(sum, counts);
        }
    }
}
