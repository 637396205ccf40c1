using System.Text;

namespace MoeLora.Client.Wire;

/// <summary>Reads server-sent events: the data of each, its lines joined. Names, ids and comments mean nothing here.</summary>
internal sealed class EventReader(Stream stream)
{
    private readonly StreamReader _reader = new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));

    /// <returns>The data; null at the end of the stream. An event that the end cut off is none.</returns>
    public async ValueTask<string?> NextAsync(CancellationToken cancellation)
    {
        string? data = null;
        while (await _reader.ReadLineAsync(cancellation) is { } line)
        {
            if (line.Length == 0)
            {
                if (data is not null)
                    return data;
            }
            else if (line.StartsWith("data:", StringComparison.Ordinal))
            {
                string value = line.Length > 5 && line[5] == ' ' ? line[6..] : line[5..];
                data = data is null ? value : $"{data}\n{value}";
            }
        }

        return null;
    }
}
