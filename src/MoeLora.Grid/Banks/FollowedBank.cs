using System.Collections.Concurrent;
using System.Collections.Immutable;
using MoeLora.Adapters.Bundles;
using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Banks;

/// <summary>What a silo knows of a bank that it follows. Written by whoever holds its turn, except for what is volatile.</summary>
internal sealed class FollowedBank(string name)
{
    private volatile BankMessage? _wanted;
    private volatile ImmutableDictionary<string, string> _problems = ImmutableDictionary<string, string>.Empty;
    private volatile BankMessage? _followed;
    private volatile BankReport? _report;
    private volatile BankReport? _announced;
    private long _flipped;

    public string Name => name;

    /// <summary>Held by the pass that brings the node nearer.</summary>
    public SemaphoreSlim Turn { get; } = new(1, 1);

    /// <summary>The newest state that the gate decided, as far as this silo was told; null before it was told any.</summary>
    public BankMessage? Wanted => _wanted;

    /// <summary>The state that the node was last brought to, as far as it could be.</summary>
    public BankMessage? Followed
    {
        get => _followed;
        set => _followed = value;
    }

    /// <summary>Why versions that should be in memory are not, by version.</summary>
    public ImmutableDictionary<string, string> Problems
    {
        get => _problems;
        set => _problems = value;
    }

    /// <summary>When it was last tried to mend them, as a timestamp; null for never.</summary>
    public long? Tried { get; set; }

    /// <summary>Versions that answers need here although their bank does not, and since when, as a timestamp.</summary>
    public ConcurrentDictionary<AdapterVersion, long> Recalled { get; } = [];

    /// <summary>What the silo says of it.</summary>
    public BankReport? Report
    {
        get => _report;
        set => _report = value;
    }

    /// <summary>What other silos were told of it at least, when a pass ended.</summary>
    public BankReport? Announced
    {
        get => _announced;
        set => _announced = value;
    }

    /// <summary>What a silo says of a bank of which it has no version.</summary>
    /// <param name="bank">The bank; it has a version.</param>
    /// <param name="revision">The revision that the silo follows.</param>
    /// <param name="problem">Why it cannot answer for the bank; null when nothing keeps it from answering.</param>
    public static BankReport ReportOfNone(BankMessage bank, long revision, string? problem) => new()
    {
        Bank = bank.Bank,
        BaseModelHash = (Array.Find(bank.Versions, version => version.Version == bank.Active) ?? bank.Versions[^1]).BaseModelHash,
        Revision = revision,
        Active = null,
        Loaded = [],
        Tasks = [],
        Problem = problem,
    };

    /// <summary>When the silo was told of another active version, as a timestamp.</summary>
    public long Flipped => Volatile.Read(ref _flipped);

    /// <summary>Takes a state, unless a later one is there.</summary>
    public void Want(BankMessage bank, long now)
    {
        BankMessage? known;
        do
        {
            known = _wanted;
            if (known is not null && known.Revision > bank.Revision)
                return;
            if (known?.Active != bank.Active)
                Volatile.Write(ref _flipped, now);
        }
        while (Interlocked.CompareExchange(ref _wanted, bank, known) != known);
    }
}
