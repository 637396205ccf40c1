namespace MoeLora.Engine.Constraints.Automata;

/// <summary>A set of byte values.</summary>
internal readonly record struct ByteSet(ulong From0, ulong From64, ulong From128, ulong From192)
{
    /// <summary>The bytes from <paramref name="first"/> to <paramref name="last"/>, both included.</summary>
    public static ByteSet Range(int first, int last) =>
        new(Word(first, last, 0), Word(first, last, 64), Word(first, last, 128), Word(first, last, 192));

    /// <summary>One byte.</summary>
    public static ByteSet Of(int value) => Range(value, value);

    /// <summary>The bytes of ASCII characters.</summary>
    public static ByteSet OfAny(string characters)
    {
        ByteSet set = default;
        foreach (char character in characters)
            set |= Of(character);
        return set;
    }

    public bool IsEmpty => this == default;

    public bool Contains(int value) => (value switch
    {
        < 64 => From0,
        < 128 => From64,
        < 192 => From128,
        _ => From192,
    } >> value & 1) != 0;

    public static ByteSet operator |(ByteSet a, ByteSet b) =>
        new(a.From0 | b.From0, a.From64 | b.From64, a.From128 | b.From128, a.From192 | b.From192);

    /// <summary>The bytes of <paramref name="a"/> that are not in <paramref name="b"/>.</summary>
    public static ByteSet operator -(ByteSet a, ByteSet b) =>
        new(a.From0 & ~b.From0, a.From64 & ~b.From64, a.From128 & ~b.From128, a.From192 & ~b.From192);

    private static ulong Word(int first, int last, int start)
    {
        int low = Math.Max(first - start, 0);
        int high = Math.Min(last - start, 63);
        return low > high ? 0 : ulong.MaxValue >> (63 - (high - low)) << low;
    }
}
