using System.Buffers;
using System.Text.Json;
using MoeLora.Engine.Constraints.Automata;

namespace MoeLora.Engine.Constraints.Json;

/// <summary>
/// Expressions of JSON values in compact form: no whitespace but at most one space after each colon and comma, and none in values that are
/// given whole.
/// </summary>
internal sealed class JsonExpressions
{
    private readonly ExpressionTable _table;
    private readonly ByteExpression _quote;
    private readonly ByteExpression _colon;
    private readonly ByteExpression _comma;

    public JsonExpressions(ExpressionTable table)
    {
        _table = table;
        Characters = new CharacterExpressions(table);
        Decimals = new DecimalExpressions(table);
        _quote = Byte('"');
        ByteExpression space = table.Optional(Byte(' '));
        _colon = table.Sequence(Byte(':'), space);
        _comma = table.Sequence(Byte(','), space);
    }

    /// <summary>Makes the expressions.</summary>
    public ExpressionTable Table => _table;

    public CharacterExpressions Characters { get; }

    public DecimalExpressions Decimals { get; }

    /// <summary>A text in quotes, of what stands between them.</summary>
    public ByteExpression Text(ByteExpression content) => _table.Sequence(_quote, content, _quote);

    /// <summary>A text of so many characters (code points).</summary>
    public ByteExpression Text(int least, int most) => Text(_table.Repeat(Characters.Any, least, most));

    /// <summary>One of these values, in their one spelling.</summary>
    public ByteExpression OneOf(IEnumerable<JsonElement> values) => LiteralSet.Build(_table, values.Select(value => Spelled(into => JsonText.Write(value, into))));

    /// <summary>An array of so many items.</summary>
    public ByteExpression Array(ByteExpression item, int least, int most)
    {
        if (most == 0)
            return _table.Literal("[]"u8, _table.End);
        int mostAfterFirst = most == RepeatExpression.Unbounded ? most : most - 1;
        ByteExpression further = _table.Repeat(_table.Sequence(_comma, item), Math.Max(least - 1, 0), mostAfterFirst);
        ByteExpression filled = _table.Sequence(item, further, Byte(']'));
        return _table.Sequence(Byte('['), least == 0 ? _table.Choice(Byte(']'), filled) : filled);
    }

    /// <summary>An object of these properties, in this order.</summary>
    public ByteExpression Object(IReadOnlyList<(string Name, ByteExpression Value, bool Required)> properties)
    {
        ByteExpression afterNone = Byte('}');
        ByteExpression afterSome = afterNone;
        for (int i = properties.Count - 1; i >= 0; i--)
        {
            (string name, ByteExpression value, bool required) = properties[i];
            ByteExpression member = Member(_table.Literal(Spelled(into => JsonText.WriteString(name, into)), _table.End), value, afterSome);
            ByteExpression later = _table.Sequence(_comma, member);
            afterNone = required ? member : _table.Choice(member, afterNone);
            afterSome = required ? later : _table.Choice(later, afterSome);
        }

        return _table.Sequence(Byte('{'), afterNone);
    }

    /// <summary>Any object whose objects and arrays nest so deep, itself counted.</summary>
    public ByteExpression AnyObject(int depth)
    {
        ByteExpression text = Text(0, RepeatExpression.Unbounded);
        ByteExpression words = _table.Choice(_table.Literal("true"u8, _table.End), _table.Literal("false"u8, _table.End), _table.Literal("null"u8, _table.End));
        ByteExpression scalar = _table.Choice(text, words, Decimals.Number(-DecimalExpressions.LargestWhole, DecimalExpressions.LargestWhole));
        ByteExpression value = scalar;
        for (; depth > 1; depth--)
            value = _table.Choice(scalar, Array(value, 0, RepeatExpression.Unbounded), AnyMembers(text, value));
        return AnyMembers(text, value);
    }

    private ByteExpression AnyMembers(ByteExpression name, ByteExpression value)
    {
        ByteExpression close = Byte('}');
        ByteExpression further = _table.Repeat(_table.Sequence(_comma, Member(name, value, _table.End)), 0, RepeatExpression.Unbounded);
        return _table.Sequence(Byte('{'), _table.Choice(close, Member(name, value, _table.Sequence(further, close))));
    }

    private ByteExpression Member(ByteExpression name, ByteExpression value, ByteExpression rest) => _table.Sequence(name, _colon, value, rest);

    private ByteExpression Byte(char value) => _table.Bytes(ByteSet.Of(value));

    private static byte[] Spelled(Action<ArrayBufferWriter<byte>> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        write(bytes);
        return bytes.WrittenSpan.ToArray();
    }
}
