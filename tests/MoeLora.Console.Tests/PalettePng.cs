using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace MoeLora.Console.Tests;

/// <summary>
/// Makes a browser's picture a third as large: 256 of its colours, each pixel the nearest of them. On a page of flat colours
/// only the edges of letters change, by less than the eye sees. PNG as in its specification (W3C, second edition), 8 bits a channel.
/// </summary>
internal static class PalettePng
{
    private const int Colours = 256;
    private const int Signature = 8;

    public static byte[] From(byte[] png)
    {
        (int width, int height, int channels, byte[] filtered) = Read(png);
        byte[] pixels = Unfilter(filtered, width * channels, height, channels);
        var counts = new Dictionary<(byte R, byte G, byte B), int>();
        for (int i = 0; i < pixels.Length; i += channels)
        {
            (byte, byte, byte) colour = (pixels[i], pixels[i + 1], pixels[i + 2]);
            counts[colour] = counts.GetValueOrDefault(colour) + 1;
        }

        (byte R, byte G, byte B)[] byCount = [.. counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key).Select(pair => pair.Key)];
        List<(byte R, byte G, byte B)> palette = Palette(byCount);
        Dictionary<(byte R, byte G, byte B), byte> nearest = counts.Keys.ToDictionary(colour => colour, colour => (byte)palette.IndexOf(palette.MinBy(other => Distance(colour, other))));
        byte[] rows = new byte[height * (width + 1)]; // a row's filter, 0 for none, then its pixels
        for (int pixel = 0; pixel < width * height; pixel++)
        {
            int at = channels * pixel;
            rows[pixel + pixel / width + 1] = nearest[(pixels[at], pixels[at + 1], pixels[at + 2])];
        }

        return Write(width, height, [.. palette.SelectMany(colour => new[] { colour.R, colour.G, colour.B })], rows);
    }

    // Common colours first, but none that is near one that is there already: rare colours that are unlike all others stay.
    private static List<(byte R, byte G, byte B)> Palette((byte R, byte G, byte B)[] byCount)
    {
        for (int apart = 0; ; apart++)
        {
            var chosen = new List<(byte R, byte G, byte B)>();
            foreach ((byte R, byte G, byte B) colour in byCount)
            {
                if (chosen.TrueForAll(other => Distance(colour, other) > apart * apart))
                    chosen.Add(colour);
                if (chosen.Count > Colours)
                    break;
            }

            if (chosen.Count <= Colours)
                return chosen;
        }
    }

    private static int Distance((byte R, byte G, byte B) a, (byte R, byte G, byte B) b) =>
        (a.R - b.R) * (a.R - b.R) + (a.G - b.G) * (a.G - b.G) + (a.B - b.B) * (a.B - b.B);

    private static (int Width, int Height, int Channels, byte[] Filtered) Read(byte[] png)
    {
        int width = 0, height = 0, channels = 0;
        using var packed = new MemoryStream();
        for (int at = Signature; at < png.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
            ReadOnlySpan<byte> data = png.AsSpan(at + 8, length);
            switch (Encoding.ASCII.GetString(png, at + 4, 4))
            {
                case "IHDR":
                    width = BinaryPrimitives.ReadInt32BigEndian(data);
                    height = BinaryPrimitives.ReadInt32BigEndian(data[4..]);
                    channels = (data[8], data[9], data[12]) switch { (8, 2, 0) => 3, (8, 6, 0) => 4, var kind => throw new InvalidDataException($"No PNG of this kind was expected: {kind}.") };
                    break;
                case "IDAT":
                    packed.Write(data);
                    break;
            }

            at += 12 + length;
        }

        packed.Position = 0;
        using var unpacked = new ZLibStream(packed, CompressionMode.Decompress);
        byte[] filtered = new byte[height * (1 + width * channels)];
        unpacked.ReadExactly(filtered);
        return (width, height, channels, filtered);
    }

    private static byte[] Unfilter(byte[] filtered, int stride, int height, int channels)
    {
        byte[] pixels = new byte[height * stride];
        for (int y = 0; y < height; y++)
        {
            int filter = filtered[y * (stride + 1)];
            for (int x = 0; x < stride; x++)
            {
                int at = y * stride + x;
                int left = x < channels ? 0 : pixels[at - channels];
                int above = y == 0 ? 0 : pixels[at - stride];
                int corner = x < channels || y == 0 ? 0 : pixels[at - stride - channels];
                int predicted = filter switch { 0 => 0, 1 => left, 2 => above, 3 => (left + above) / 2, _ => Paeth(left, above, corner) };
                pixels[at] = (byte)(filtered[y * (stride + 1) + 1 + x] + predicted);
            }
        }

        return pixels;
    }

    private static int Paeth(int left, int above, int corner)
    {
        int toLeft = Math.Abs(above - corner), toAbove = Math.Abs(left - corner), toCorner = Math.Abs(left + above - 2 * corner);
        return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
    }

    private static byte[] Write(int width, int height, byte[] palette, byte[] rows)
    {
        byte[] header = [0, 0, 0, 0, 0, 0, 0, 0, 8, 3, 0, 0, 0]; // 8 bits a pixel, by palette
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        using var packed = new MemoryStream();
        using (var packing = new ZLibStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
            packing.Write(rows);
        using var png = new MemoryStream();
        png.Write([137, 80, 78, 71, 13, 10, 26, 10]);
        WriteChunk(png, "IHDR", header);
        WriteChunk(png, "PLTE", palette);
        WriteChunk(png, "IDAT", packed.ToArray());
        WriteChunk(png, "IEND", []);
        return png.ToArray();
    }

    private static void WriteChunk(Stream png, string type, byte[] data)
    {
        byte[] body = [.. Encoding.ASCII.GetBytes(type), .. data];
        byte[] number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        png.Write(number);
        png.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc(body));
        png.Write(number);
    }

    private static uint Crc(byte[] data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) == 0 ? 0 : 0xEDB88320);
        }

        return ~crc;
    }
}
