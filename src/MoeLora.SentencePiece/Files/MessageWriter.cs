using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace MoeLora.SentencePiece.Files;

/// <summary>Writes the fields of a protocol buffer message.</summary>
internal sealed class MessageWriter
{
    private readonly ArrayBufferWriter<byte> _message = new();

    /// <summary>What is written so far.</summary>
    public ReadOnlyMemory<byte> Message => _message.WrittenMemory;

    /// <summary>Writes a whole number that is not negative, or a truth value.</summary>
    public MessageWriter Number(int field, int value)
    {
        Varint((uint)field << 3);
        Varint((uint)value);
        return this;
    }

    public MessageWriter Single(int field, float value)
    {
        Varint(((uint)field << 3) | 5);
        BinaryPrimitives.WriteSingleLittleEndian(_message.GetSpan(4), value);
        _message.Advance(4);
        return this;
    }

    public MessageWriter Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    public MessageWriter Nested(int field, MessageWriter value) => Bytes(field, value._message.WrittenSpan);

    public MessageWriter Bytes(int field, ReadOnlySpan<byte> value)
    {
        Varint(((uint)field << 3) | 2);
        Varint((uint)value.Length);
        _message.Write(value);
        return this;
    }

    private void Varint(uint value)
    {
        Span<byte> bytes = _message.GetSpan(5);
        int length = 0;
        for (; value >= 0x80; value >>= 7)
            bytes[length++] = (byte)(value | 0x80);
        bytes[length++] = (byte)value;
        _message.Advance(length);
    }
}
