using System.Buffers.Binary;
using System.Text;

namespace MoeLora.Models.Tests.Checkpoints;

/// <summary>Makes broken inputs from good ones, the same ones for the same seed.</summary>
internal sealed class Mutator(int seed, byte[][] corpus)
{
    private const int LongestInput = 16_384;

    private static readonly long[] Numbers =
        [0, 1, -1, 2, 7, 8, 16, 127, 128, 255, 256, 65_535, 65_536, 100_000_000, 100_000_001, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 40, long.MaxValue, long.MinValue];

    private static readonly string[] Digits =
        ["0", "1", "-1", "4", "8", "1e3", "2.0", "2147483647", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551615", "1e999", "00", ""];

    private readonly Random _random = new(seed);

    public byte[] Next()
    {
        List<byte> bytes = [.. Pick(corpus)];
        for (int changes = _random.Next(1, 5); changes > 0; changes--)
            Change(bytes);
        if (bytes.Count > LongestInput)
            bytes.RemoveRange(LongestInput, bytes.Count - LongestInput);
        return [.. bytes];
    }

    public bool Chance(double probability) => _random.NextDouble() < probability;

    private void Change(List<byte> bytes)
    {
        int at = _random.Next(bytes.Count + 1);
        int count = Math.Min(_random.Next(1, 32), bytes.Count - at);
        switch (_random.Next(10))
        {
            case 0 when at < bytes.Count:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 1 when at < bytes.Count:
                bytes[at] = (byte)_random.Next(256);
                break;
            case 2:
                bytes.RemoveRange(at, count);
                break;
            case 3:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 4:
                bytes.InsertRange(_random.Next(bytes.Count + 1), bytes.GetRange(at, count));
                break;
            case 5:
                Splice(bytes, at);
                break;
            case 6:
                OverwriteNumber(bytes, at);
                break;
            case 7:
                ReplaceDigits(bytes, at);
                break;
            case 8:
                bytes.InsertRange(at, Enumerable.Repeat((byte)_random.Next(256), _random.Next(1, 200)));
                break;
            default:
                SwapBytes(bytes, at);
                break;
        }
    }

    /// <summary>Copies a byte from elsewhere, so that a known opcode or a JSON sign comes where another should be.</summary>
    private void SwapBytes(List<byte> bytes, int at)
    {
        if (at < bytes.Count)
            bytes[at] = bytes[_random.Next(bytes.Count)];
    }

    /// <summary>Goes on with a part of another input.</summary>
    private void Splice(List<byte> bytes, int at)
    {
        byte[] other = Pick(corpus);
        int from = _random.Next(other.Length);
        int count = _random.Next(other.Length - from + 1);
        if (Chance(0.5))
            bytes.RemoveRange(at, bytes.Count - at);
        bytes.InsertRange(at, other[from..(from + count)]);
    }

    private void OverwriteNumber(List<byte> bytes, int at)
    {
        byte[] number = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, Pick(Numbers));
        int width = Math.Min(1 << _random.Next(4), bytes.Count - at);
        for (int i = 0; i < width; i++)
            bytes[at + i] = number[i];
    }

    /// <summary>Puts another number in the place of the next decimal one.</summary>
    private void ReplaceDigits(List<byte> bytes, int at)
    {
        int start = bytes.FindIndex(at, value => char.IsAsciiDigit((char)value));
        if (start < 0)
            return;
        int end = bytes.FindIndex(start, value => !char.IsAsciiDigit((char)value));
        bytes.RemoveRange(start, (end < 0 ? bytes.Count : end) - start);
        bytes.InsertRange(start, Encoding.ASCII.GetBytes(Pick(Digits)));
    }

    private T Pick<T>(T[] items) => items[_random.Next(items.Length)];
}
