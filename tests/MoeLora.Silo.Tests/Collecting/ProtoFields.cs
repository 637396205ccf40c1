using System.Buffers.Binary;

namespace MoeLora.Silo.Tests.Collecting;

/// <summary>The fields of a Protocol Buffers message: numbers, and pieces of bytes that may be messages themselves (protobuf.dev/programming-guides/encoding).</summary>
internal readonly struct ProtoFields(ReadOnlyMemory<byte> message)
{
    /// <summary>The pieces of a field, in order.</summary>
    public IEnumerable<ReadOnlyMemory<byte>> Pieces(int field) => Read().Where(each => each.Field == field && each.Piece is not null).Select(each => each.Piece!.Value);

    /// <summary>The messages of a field, in order.</summary>
    public IEnumerable<ProtoFields> Messages(int field) => Pieces(field).Select(piece => new ProtoFields(piece));

    /// <summary>The last number of a field; 0 where there is none.</summary>
    public ulong Number(int field) => Read().LastOrDefault(each => each.Field == field && each.Piece is null).Number;

    /// <summary>The text of a field; empty where there is none.</summary>
    public string Text(int field) => System.Text.Encoding.UTF8.GetString(Pieces(field).LastOrDefault().Span);

    private List<(int Field, ulong Number, ReadOnlyMemory<byte>? Piece)> Read()
    {
        var fields = new List<(int, ulong, ReadOnlyMemory<byte>?)>();
        for (int at = 0; at < message.Length;)
        {
            ulong tag = Varint(ref at);
            int field = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    fields.Add((field, Varint(ref at), null));
                    break;
                case 1:
                    fields.Add((field, BinaryPrimitives.ReadUInt64LittleEndian(message.Span[at..]), null));
                    at += 8;
                    break;
                case 2:
                    int length = (int)Varint(ref at);
                    fields.Add((field, 0, message.Slice(at, length)));
                    at += length;
                    break;
                case 5:
                    fields.Add((field, BinaryPrimitives.ReadUInt32LittleEndian(message.Span[at..]), null));
                    at += 4;
                    break;
                default:
                    throw new InvalidDataException("No message of this kind was expected.");
            }
        }

        return fields;
    }

    private ulong Varint(ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = message.Span[at++];
            value |= (ulong)(next & 127) << shift;
            if (next < 128)
                return value;
        }
    }
}
