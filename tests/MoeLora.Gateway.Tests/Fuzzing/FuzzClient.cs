using System.Net;
using System.Net.Sockets;
using System.Text;

namespace MoeLora.Gateway.Tests.Fuzzing;

/// <summary>Sends calls over connections of its own as bad clients do: slowly, in pieces, in part; and leaves at any moment.</summary>
internal static class FuzzClient
{
    /// <summary>Sends, all or part of it, reads some of the answer or all of it, and goes, politely or not.</summary>
    /// <param name="port">Of this machine.</param>
    /// <param name="request">What to send.</param>
    /// <param name="mayWait">Whether the server may rightly wait for more: then the client does not wait for it.</param>
    /// <param name="random">Chance.</param>
    /// <returns>The status, or what happened instead of one.</returns>
    public static async Task<string> TalkAsync(int port, byte[] request, bool mayWait, Random random)
    {
        using var connection = new TcpClient();
        bool leaves = random.Next(12) == 0; // in the middle of the answer, or before it begins
        using var patience = new CancellationTokenSource(mayWait || leaves ? TimeSpan.FromMilliseconds(random.Next(1, 30)) : TimeSpan.FromMinutes(2));
        try
        {
            await connection.ConnectAsync(IPAddress.Loopback, port);
            NetworkStream stream = connection.GetStream();
            bool part = random.Next(15) == 0;
            int length = part ? random.Next(request.Length) : request.Length;
            for (int sent = 0; sent < length;)
            {
                int piece = random.Next(6) == 0 ? Math.Min(random.Next(1, 2000), length - sent) : length - sent;
                await stream.WriteAsync(request.AsMemory(sent, piece));
                sent += piece;
                if (random.Next(50) == 0)
                    await Task.Delay(random.Next(20)); // a slow writer
            }

            if (random.Next(3) == 0)
                connection.Client.LingerState = new LingerOption(true, 0); // leaves by a reset
            if (part)
                return "left before the answer";

            byte[] buffer = new byte[random.Next(16, 4096)];
            var head = new StringBuilder();
            while (head.Length < 64 && await stream.ReadAsync(buffer, patience.Token) is > 0 and int read)
                head.Append(Encoding.Latin1.GetString(buffer, 0, read));
            await ReadOnAsync(stream, buffer, patience, random);
            return head.Length >= 12 ? head.ToString(9, 3) : "closed";
        }
        catch (OperationCanceledException)
        {
            return mayWait ? "left while the server waited" : leaves ? "left while it was answered" : "no answer";
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            return "broken off";
        }
    }

    private static async Task ReadOnAsync(NetworkStream stream, byte[] buffer, CancellationTokenSource patience, Random random)
    {
        patience.CancelAfter(TimeSpan.FromMilliseconds(20)); // some streams have no end
        try
        {
            for (int more = random.Next(6); more > 0 && await stream.ReadAsync(buffer, patience.Token) > 0; more--)
            {
                if (random.Next(20) == 0)
                    await Task.Delay(random.Next(20)); // a slow reader
            }
        }
        catch (OperationCanceledException)
        {
            // Enough.
        }
    }
}
