using System.Buffers;
using System.Globalization;
using MoeLora.Engine.Constraints.Automata;

namespace MoeLora.Engine.Constraints.Json;

/// <summary>
/// Reads the patterns that mean the same in every dialect of regular expressions: anchored at both ends, of characters of the basic plane,
/// classes, groups, alternatives and counts.
/// </summary>
internal sealed class PatternReader(JsonExpressions json, string pattern)
{
    private const int MostSize = 500; // characters, counts written out
    private const int LastCharacter = 0xFFFF;

    private static readonly SearchValues<char> Special = SearchValues.Create("^$\\.*+?()[]{}|");
    private static readonly (int First, int Last)[] Digits = [('0', '9')];
    private static readonly (int First, int Last)[] WordCharacters = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
    private static readonly (int First, int Last)[] LineEnds = [('\n', '\n'), ('\r', '\r'), (0x2028, 0x2029)];

    private readonly ExpressionTable _table = json.Table;
    private int _at;

    /// <summary>What is wrong with the pattern, after <see cref="Read"/> gave nothing.</summary>
    public string? Problem { get; private set; }

    /// <summary>Characters of the pattern with its counts written out: at most so many places in it can be open at once.</summary>
    public int Size { get; private set; }

    /// <summary>The texts that fit the pattern as a whole, as JSON spells them; null when it is not understood.</summary>
    public ByteExpression? Read()
    {
        try
        {
            Expect('^');
            (ByteExpression texts, int size) = ReadSequence();
            if (Next() == '|')
                throw Refused("puts alternatives beside its anchors: use ^(?:a|b)$");
            Expect('$');
            if (_at < pattern.Length)
                throw Refused("goes on after its $");
            Size = size;
            return texts;
        }
        catch (FormatException e)
        {
            Problem = e.Message;
            return null;
        }
    }

    private (ByteExpression Texts, int Size) ReadAlternatives(int depth)
    {
        var alternatives = new List<ByteExpression>();
        int size = 0;
        do
        {
            (ByteExpression texts, int sequenceSize) = ReadSequence(depth);
            alternatives.Add(texts);
            size = Limited((long)size + sequenceSize);
        }
        while (Take('|'));
        return (_table.Choice([.. alternatives]), size);
    }

    private (ByteExpression Texts, int Size) ReadSequence(int depth = 0)
    {
        var parts = new List<ByteExpression>();
        int size = 0;
        while (Next() is not (null or '|' or ')' or '$'))
        {
            (ByteExpression atom, int atomSize) = ReadAtom(depth);
            (int least, int most) = ReadCount();
            bool once = least == 1 && most == 1;
            if (!once && atom.MatchesEmpty)
                throw Refused("repeats a group that may be empty");
            parts.Add(once ? atom : _table.Repeat(atom, least, most));
            size = Limited(size + (long)atomSize * (most == RepeatExpression.Unbounded ? least + 1 : most));
        }

        return (_table.Sequence([.. parts]), size);
    }

    private (ByteExpression Texts, int Size) ReadAtom(int depth)
    {
        if (!Take('('))
            return (json.Characters.OneOf(ReadCharacters()), 1);
        if (Take('?') && !Take(':'))
            throw Refused("has a group that is not plain: use (...) or (?:...)");
        if (depth > 16)
            throw Refused("nests its groups too deep");
        (ByteExpression, int) group = ReadAlternatives(depth + 1);
        Expect(')');
        return group;
    }

    /// <summary>The characters that one place may hold.</summary>
    private IReadOnlyList<(int First, int Last)> ReadCharacters()
    {
        char character = pattern[_at++];
        switch (character)
        {
            case '.':
                return Others(LineEnds);
            case '[':
                return ReadClass();
            case '\\':
                return ReadEscape();
            default:
                if (Special.Contains(character))
                    throw Refused("has a special character where a plain one must be: put a backslash before it");
                return [Plain(character)];
        }
    }

    private IReadOnlyList<(int First, int Last)> ReadClass()
    {
        bool others = Take('^');
        var ranges = new List<(int First, int Last)>();
        while (!Take(']'))
        {
            IReadOnlyList<(int First, int Last)> first = ReadClassPart();
            if (Next() != '-' || _at + 1 >= pattern.Length || pattern[_at + 1] == ']')
            {
                ranges.AddRange(first);
                continue;
            }

            _at++;
            IReadOnlyList<(int First, int Last)> last = ReadClassPart();
            if (first is not [var (from, end)] || last is not [var (start, to)] || from != end || start != to || from > to)
                throw Refused("has a range of characters that is none");
            ranges.Add((from, to));
        }

        IReadOnlyList<(int First, int Last)> characters = others ? Others(ranges) : ranges;
        return characters.Any(range => range.First < 0xD800 || range.Last > 0xDFFF) ? characters : throw Refused("has a class without characters");
    }

    private IReadOnlyList<(int First, int Last)> ReadClassPart() => (Next() ?? throw Refused("has a class that does not end")) switch
    {
        '\\' when ++_at <= pattern.Length => ReadEscape(),
        '[' => throw Refused("has a [ within a class: put a backslash before it"),
        _ => [Plain(pattern[_at++])],
    };

    private IReadOnlyList<(int First, int Last)> ReadEscape()
    {
        char escaped = _at < pattern.Length ? pattern[_at++] : throw Refused("ends with a backslash");
        return escaped switch
        {
            'd' => Digits,
            'w' => WordCharacters,
            't' => [('\t', '\t')],
            'n' => [('\n', '\n')],
            'r' => [('\r', '\r')],
            '-' or '/' or '"' => [(escaped, escaped)],
            _ when Special.Contains(escaped) => [(escaped, escaped)],
            _ => throw Refused("has an escape that is not supported: \\d, \\w, \\t, \\n, \\r and special characters are"),
        };
    }

    private (int Least, int Most) ReadCount()
    {
        (int Least, int Most) count = (1, 1);
        if (Take('*'))
            count = (0, RepeatExpression.Unbounded);
        else if (Take('+'))
            count = (1, RepeatExpression.Unbounded);
        else if (Take('?'))
            count = (0, 1);
        else if (Take('{'))
            count = ReadBounds();
        return Next() is not ('*' or '+' or '?' or '{') ? count : throw Refused("has a count upon a count, which is not supported");
    }

    private (int Least, int Most) ReadBounds()
    {
        int least = ReadNumber();
        int most = least;
        if (Take(','))
            most = Next() == '}' ? RepeatExpression.Unbounded : ReadNumber();
        Expect('}');
        return least <= most ? (least, most) : throw Refused("has a count whose minimum is above its maximum");
    }

    private int ReadNumber()
    {
        int start = _at;
        while (Next() is >= '0' and <= '9')
            _at++;
        return int.TryParse(pattern.AsSpan(start.._at), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number <= MostSize
            ? number
            : throw Refused($"has a count that is not a number up to {MostSize}");
    }

    /// <summary>The characters of the basic plane that are in none of the ranges.</summary>
    private static List<(int First, int Last)> Others(IReadOnlyList<(int First, int Last)> ranges)
    {
        var others = new List<(int First, int Last)>();
        int next = 0;
        foreach ((int first, int last) in ranges.OrderBy(range => range.First))
        {
            if (first > next)
                others.Add((next, first - 1));
            next = Math.Max(next, last + 1);
        }

        if (next <= LastCharacter)
            others.Add((next, LastCharacter));
        return others;
    }

    private (int First, int Last) Plain(char character) =>
        char.IsSurrogate(character) ? throw Refused("has a character beyond the basic plane") : (character, character);

    private char? Next() => _at < pattern.Length ? pattern[_at] : null;

    private bool Take(char character)
    {
        if (Next() != character)
            return false;
        _at++;
        return true;
    }

    private void Expect(char character)
    {
        if (!Take(character))
            throw Refused($"lacks a {character}; patterns begin with ^ and end with $");
    }

    private int Limited(long size) => size <= MostSize ? (int)size : throw Refused($"is too large: at most {MostSize} characters with its counts written out");

    private FormatException Refused(string reason) => new($"at character {_at.ToString(CultureInfo.InvariantCulture)} {reason}");
}
