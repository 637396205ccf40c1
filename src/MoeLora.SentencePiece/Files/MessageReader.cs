using System.Buffers.Binary;
using System.Text;

namespace MoeLora.SentencePiece.Files;

/// <summary>Reads the fields of a protocol buffer message one after the other (protobuf.dev, "Encoding"). Groups, which no version of the format uses, are refused.</summary>
internal ref struct MessageReader(ReadOnlySpan<byte> message)
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _rest = message;
    private WireType _type;
    private ulong _number;
    private ReadOnlySpan<byte> _bytes;

    private enum WireType
    {
        Varint = 0,
        Fixed64 = 1,
        Bytes = 2,
        Fixed32 = 5,
    }

    /// <summary>The number of the present field.</summary>
    public int Field { get; private set; }

    /// <summary>The present field's value, where it is a whole number of 32 bits.</summary>
    public readonly int Number => (int)(long)Expect(WireType.Varint)._number;

    /// <summary>The present field's value, where it is a truth value.</summary>
    public readonly bool Flag => Expect(WireType.Varint)._number != 0;

    /// <summary>The present field's value, where it is a float.</summary>
    public readonly float Single => BitConverter.UInt32BitsToSingle((uint)Expect(WireType.Fixed32)._number);

    /// <summary>The present field's value, where it is bytes or a message.</summary>
    public readonly ReadOnlySpan<byte> Bytes => Expect(WireType.Bytes)._bytes;

    /// <summary>The present field's value, where it is text.</summary>
    public readonly string Text
    {
        get
        {
            try
            {
                return Strict.GetString(Bytes);
            }
            catch (DecoderFallbackException)
            {
                throw new InvalidDataException($"field {Field} is text, but not UTF-8");
            }
        }
    }

    /// <summary>Goes to the next field.</summary>
    /// <returns>False at the end of the message.</returns>
    /// <exception cref="InvalidDataException">The message is malformed.</exception>
    public bool Next()
    {
        if (_rest.IsEmpty)
            return false;
        ulong tag = Varint();
        Field = tag >> 3 is > 0 and <= 0x1FFF_FFFF and var field ? (int)field : throw new InvalidDataException("a field has no number");
        _type = (WireType)(tag & 7);
        switch (_type)
        {
            case WireType.Varint:
                _number = Varint();
                break;
            case WireType.Fixed64:
                _number = BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
                break;
            case WireType.Fixed32:
                _number = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
                break;
            case WireType.Bytes:
                _bytes = Take(Varint());
                break;
            default:
                throw new InvalidDataException($"field {Field} is of a type that the format does not have");
        }

        return true;
    }

    private readonly MessageReader Expect(WireType type) => _type == type ? this : throw new InvalidDataException($"field {Field} is of another type than it should be");

    private ulong Varint()
    {
        ulong value = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            byte part = Take(1)[0];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
                return value;
        }

        throw new InvalidDataException("a number has more than 64 bits");
    }

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)_rest.Length)
            throw new InvalidDataException("it ends in the middle of a field");
        ReadOnlySpan<byte> taken = _rest[..(int)count];
        _rest = _rest[(int)count..];
        return taken;
    }
}
