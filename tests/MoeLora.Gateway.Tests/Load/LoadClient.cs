using System.Buffers.Text;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace MoeLora.Gateway.Tests.Load;

/// <summary>
/// Asks one thing over keep-alive connections, each with a thread of its own that blocks: as little work of its own as can be, beside a
/// server on the same cores.
/// </summary>
internal sealed class LoadClient(int port, string body, string key)
{
    private readonly byte[] _request = Encoding.UTF8.GetBytes(
        $"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");

    /// <summary>Each connection asks again as soon as it is answered.</summary>
    /// <returns>Answers in a second.</returns>
    public double RunClosed(int connections, TimeSpan duration)
    {
        long total = 0;
        var clock = Stopwatch.StartNew();
        RunThreads(connections, (socket, buffer, _) =>
        {
            long answers = 0;
            while (clock.Elapsed < duration)
            {
                Ask(socket, buffer);
                answers++;
            }

            Interlocked.Add(ref total, answers);
        });
        return total / clock.Elapsed.TotalSeconds;
    }

    /// <summary>Asks at a fixed rate, whether earlier answers are there or not.</summary>
    /// <returns>Milliseconds from when each request was due to its answer, in order of size.</returns>
    public double[] RunOpen(int connections, double perSecond, TimeSpan duration)
    {
        var all = new List<double>();
        double interval = connections / perSecond;
        var clock = Stopwatch.StartNew();
        RunThreads(connections, (socket, buffer, index) =>
        {
            var latencies = new List<double>();
            for (double due = interval * index / connections; due < duration.TotalSeconds; due += interval)
            {
                // Late because the answer before was late: that counts. Late because a sleep is a coarse thing: that does not.
                double start = due;
                while (clock.Elapsed.TotalSeconds < due)
                {
                    Thread.Sleep(1);
                    start = Math.Max(due, clock.Elapsed.TotalSeconds);
                }

                Ask(socket, buffer);
                latencies.Add((clock.Elapsed.TotalSeconds - start) * 1000);
            }

            lock (all)
                all.AddRange(latencies);
        });
        return [.. all.Order()];
    }

    private void RunThreads(int connections, Action<Socket, byte[], int> run)
    {
        Exception? failure = null;
        Thread[] threads =
        [
            .. Enumerable.Range(0, connections).Select(index => new Thread(() =>
            {
                try
                {
                    using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 20_000 };
                    socket.Connect(IPAddress.Loopback, port);
                    run(socket, new byte[16 * 1024], index);
                }
                catch (Exception e)
                {
                    failure = e;
                }
            })),
        ];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        if (failure is not null)
            throw new InvalidOperationException("A connection failed.", failure);
    }

    private void Ask(Socket socket, byte[] buffer)
    {
        socket.Send(_request);
        int received = 0, needed = int.MaxValue;
        while (received < needed)
        {
            int read = socket.Receive(buffer, received, buffer.Length - received, SocketFlags.None);
            if (read == 0)
                throw new IOException("The server closed the connection.");
            received += read;
            if (needed == int.MaxValue)
                needed = LengthOf(buffer.AsSpan(0, received));
        }
    }

    /// <summary>The answer's whole length, once its headers are there.</summary>
    private static int LengthOf(ReadOnlySpan<byte> answer)
    {
        int end = answer.IndexOf("\r\n\r\n"u8);
        if (end < 0)
            return int.MaxValue;
        if (!answer.StartsWith("HTTP/1.1 200 "u8))
            throw new IOException(Encoding.UTF8.GetString(answer));
        ReadOnlySpan<byte> field = "Content-Length: "u8;
        int at = answer.IndexOf(field) + field.Length;
        return Utf8Parser.TryParse(answer[at..], out int length, out _) ? end + 4 + length : throw new IOException("The answer has no length.");
    }
}
