using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using MoeLora.Gateway.Tests.Fakes;
using Xunit.Abstractions;

namespace MoeLora.Gateway.Tests.Fuzzing;

/// <summary>
/// Random calls of both listeners over raw connections: broken JSON, UTF-8 and HTTP, huge fields, bodies that stop half-way, clients that
/// leave in the middle of a stream. No answer is a 500, nothing is logged as an error, and no generation goes on for a client that is
/// gone. 1,000 calls; 50,000 when MOELORA_LONG is 1.
/// </summary>
public sealed class HttpFuzzTests(ITestOutputHelper output)
{
    private const int Workers = 8;

    private static readonly int Calls = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 50_000 : 1000;

    [Fact]
    public async Task RandomCalls_NeverFailTheGatewayAndLeaveNothingRunning()
    {
        var grid = new FuzzGrid();
        var directory = new FakeDirectory();
        var parts = new GatewayParts { Grid = grid, Tenants = directory, Rollouts = new FakeRollouts(), Overview = new FakeOverview(), Audit = new FakeTrail() };
        await using GatewayHost host = await GatewayHost.StartGuardedAsync(parts, options => options.MaxRequestBodyBytes = 32 * 1024);
        var statuses = new ConcurrentDictionary<string, int>();

        await Task.WhenAll(Enumerable.Range(0, Workers).Select(worker => Task.Run(async () =>
        {
            var random = new Random(4711 + worker);
            var call = new RandomCall(random);
            for (int i = 0; i < Calls / Workers; i++)
            {
                bool administration = random.Next(4) == 0;
                HttpClient of = administration ? host.Admin : host.Client;
                (byte[] request, bool mayWait) = call.Next(administration, "all");
                string status = await TalkAsync(of.BaseAddress!.Port, request, mayWait, random);
                statuses.AddOrUpdate(status, 1, (_, count) => count + 1);
            }
        })));
        await grid.EmptyAsync().WaitAsync(TimeSpan.FromSeconds(60));

        output.WriteLine($"{grid.Begun} answers begun; {string.Join(", ", statuses.OrderBy(status => status.Key).Select(status => $"{status.Key}: {status.Value}"))}");
        Assert.DoesNotContain(statuses.Keys, status => status.StartsWith("500", StringComparison.Ordinal));
        Assert.DoesNotContain("no answer", statuses.Keys);
        Assert.Equal(0, grid.Wrong);
        Assert.True(grid.Begun > Calls / 50, $"Only {grid.Begun} calls reached the grid: nothing is tested.");
        Assert.Contains("200", statuses.Keys);
        Assert.Contains("400", statuses.Keys);
        Assert.Equal("ok", (await GatewayHost.JsonAsync(await host.Client.GetAsync("/healthz"))).GetProperty("status").GetString());
        await host.DisposeAsync();
        Assert.DoesNotContain(host.Log.Text.Split('\n'), line => line.StartsWith("Error ", StringComparison.Ordinal) || line.StartsWith("Critical ", StringComparison.Ordinal));
    }

    /// <summary>Sends, all or part of it, reads some of the answer, and goes, politely or not.</summary>
    /// <returns>The status, or what happened instead of one.</returns>
    private static async Task<string> TalkAsync(int port, byte[] request, bool mayWait, Random random)
    {
        using var connection = new TcpClient();
        using var patience = new CancellationTokenSource(mayWait ? TimeSpan.FromMilliseconds(20) : TimeSpan.FromMinutes(2));
        try
        {
            await connection.ConnectAsync(IPAddress.Loopback, port);
            NetworkStream stream = connection.GetStream();
            bool part = random.Next(12) == 0;
            int length = part ? random.Next(request.Length) : request.Length;
            for (int sent = 0; sent < length;)
            {
                int piece = random.Next(4) == 0 ? Math.Min(random.Next(1, 2000), length - sent) : length - sent;
                await stream.WriteAsync(request.AsMemory(sent, piece));
                sent += piece;
            }

            if (random.Next(3) == 0)
                connection.Client.LingerState = new LingerOption(true, 0); // leaves by a reset
            if (part)
                return "left before the answer";

            byte[] buffer = new byte[random.Next(16, 4096)];
            var head = new StringBuilder();
            while (head.Length < 64 && await stream.ReadAsync(buffer, patience.Token) is > 0 and int read)
                head.Append(Encoding.Latin1.GetString(buffer, 0, read));
            patience.CancelAfter(TimeSpan.FromMilliseconds(20)); // some streams have no end
            string status = head.Length >= 12 ? head.ToString(9, 3) : "closed";
            try
            {
                for (int more = random.Next(4); more > 0 && await stream.ReadAsync(buffer, patience.Token) > 0; more--)
                {
                    // reads on for a while, and leaves
                }
            }
            catch (OperationCanceledException)
            {
                // Enough.
            }

            return status;
        }
        catch (OperationCanceledException)
        {
            return mayWait ? "left while the server waited" : "no answer";
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            return "broken off";
        }
    }
}
