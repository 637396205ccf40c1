namespace MoeLora.Serving.Tenants;

/// <summary>
/// A sum over the last minute, in slots of a second: what is added counts for at least 60 and less than 61 seconds, so the sum over any 60
/// seconds is never more than what was let in. Times are those of the caller's clock since its own beginning.
/// </summary>
internal sealed class MinuteWindow
{
    private const int Slots = 61; // the running second, and the 60 before it

    private readonly long[] _slots = new long[Slots];
    private long _current;

    /// <summary>What counts now; as of the last <see cref="MoveTo"/>.</summary>
    public long Sum { get; private set; }

    /// <summary>The slot of a time.</summary>
    public static long SlotOf(TimeSpan time) => time.Ticks / TimeSpan.TicksPerSecond;

    /// <summary>Forgets what is older than a minute.</summary>
    public void MoveTo(TimeSpan now)
    {
        long slot = SlotOf(now);
        for (long i = Math.Max(_current + 1, slot - Slots + 1); i <= slot; i++)
        {
            ref long oldest = ref _slots[i % Slots];
            Sum -= oldest;
            oldest = 0;
        }

        _current = Math.Max(_current, slot);
    }

    /// <summary>Adds to a slot. What belongs to a slot that no longer counts is dropped.</summary>
    public void Add(long slot, long amount)
    {
        if (slot <= _current - Slots)
            return;
        _slots[slot % Slots] += amount;
        Sum += amount;
    }

    /// <summary>How long until the sum is at most <paramref name="target"/> if nothing is added: exactly, and zero if it is now.</summary>
    /// <param name="now">The time of the last <see cref="MoveTo"/>.</param>
    /// <param name="target">0 or more.</param>
    public TimeSpan TimeUntil(TimeSpan now, long target)
    {
        long left = Sum;
        for (long slot = Math.Max(0, _current - Slots + 1); left > target; slot++)
        {
            left -= _slots[slot % Slots];
            if (left <= target)
                return TimeSpan.FromTicks((slot + Slots) * TimeSpan.TicksPerSecond) - now;
        }

        return TimeSpan.Zero;
    }
}
