using System.Buffers.Binary;
using System.Text;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Serving.Auditing.Chain;

/// <summary>
/// A record's bytes: one way to write each, so that its hash can be computed again anywhere. All integers are little-endian. A text is its length in
/// bytes as u16 and its UTF-8; an absent one is the length 0xFFFF. An optional number is one byte, 0 or 1, and where it is 1 an i32. In this order:
/// u8 kind (1), u64 sequence, u64 sequence of the first record of the same commit, i64 time (100 ns units since 1970-01-01 UTC), text node, u8 action,
/// u8 succeeded, u32 count, texts tenant, subject, detail, target, request id, bank, task, version, bundle hash, base model hash, numbers prompt tokens
/// and completion tokens, texts prompt hash and answer hash; and where another node began the answer, i32 tokens from there, at least 1.
/// </summary>
internal static class AuditEncoding
{
    /// <summary>Kind of a frame's body that holds an entry.</summary>
    public const byte EntryKind = 1;

    /// <summary>Kind of a frame's body that closes a segment.</summary>
    public const byte SealKind = 2;

    /// <summary>Longest text in bytes.</summary>
    public const int MaxText = 4096;

    /// <summary>Longest body: thirteen texts, and what else there is.</summary>
    public const int MaxBody = (13 * (MaxText + 2)) + 64;

    private const ushort Absent = ushort.MaxValue;
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <summary>What keeps an entry from being written; null when nothing does.</summary>
    public static string? FindProblem(AuditEntry entry)
    {
        if (entry.Count < 1)
            return "An audit entry's count must be at least 1.";
        if (entry.BegunTokens < 1)
            return "Tokens that another node began must be at least 1, or absent.";
        if (Code(entry.Action) == 0)
            return "An audit entry's action is unknown.";
        return Longest(entry) <= MaxText ? null : $"A text of an audit entry is longer than {MaxText} bytes.";
    }

    /// <summary>Writes a record's body.</summary>
    /// <param name="target">At least <see cref="MaxBody"/> bytes.</param>
    /// <param name="sequence">Its place.</param>
    /// <param name="commit">Place of the first record of the same commit.</param>
    /// <param name="at">When.</param>
    /// <param name="node">The node.</param>
    /// <param name="entry">What happened.</param>
    /// <returns>Bytes written.</returns>
    public static int Write(Span<byte> target, long sequence, long commit, DateTimeOffset at, string node, AuditEntry entry)
    {
        int place = 0;
        target[place++] = EntryKind;
        PutLong(target, ref place, sequence);
        PutLong(target, ref place, commit);
        PutLong(target, ref place, AuditTime.ToUnits(at));
        PutText(target, ref place, node);
        target[place++] = Code(entry.Action);
        target[place++] = entry.Succeeded ? (byte)1 : (byte)0;
        PutInt(target, ref place, entry.Count);
        PutText(target, ref place, entry.Tenant?.Text);
        PutText(target, ref place, entry.Subject);
        PutText(target, ref place, entry.Detail);
        PutText(target, ref place, entry.Target);
        PutText(target, ref place, entry.RequestId);
        PutText(target, ref place, entry.Bank);
        PutText(target, ref place, entry.TaskName);
        PutText(target, ref place, entry.Version);
        PutText(target, ref place, entry.BundleHash);
        PutText(target, ref place, entry.BaseModelHash);
        PutNumber(target, ref place, entry.PromptTokens);
        PutNumber(target, ref place, entry.CompletionTokens);
        PutText(target, ref place, entry.PromptHash);
        PutText(target, ref place, entry.AnswerHash);
        if (entry.BegunTokens is { } begun)
            PutInt(target, ref place, begun);
        return place;
    }

    /// <summary>Reads a record's body.</summary>
    /// <exception cref="FormatException">It is not one that <see cref="Write"/> writes.</exception>
    public static AuditBody Read(ReadOnlySpan<byte> body)
    {
        var reader = new Reader(body);
        if (reader.Byte() != EntryKind)
            throw new FormatException("no record");
        long sequence = reader.Long();
        if (reader.Long() is var commit && (commit < 1 || commit > sequence))
            throw new FormatException("a commit that begins after it");
        DateTimeOffset at = AuditTime.FromUnits(reader.Long());
        string node = reader.Required();
        AuditAction action = Action(reader.Byte());
        bool succeeded = reader.Flag();
        int count = reader.Int();
        var entry = new AuditEntry
        {
            Action = action,
            Succeeded = succeeded,
            Count = count > 0 ? count : throw new FormatException("a count below 1"),
            Tenant = reader.Text() is { } tenant ? TenantId.Parse(tenant) : null,
            Subject = reader.Text(),
            Detail = reader.Required(),
            Target = reader.Text(),
            RequestId = reader.Text(),
            Bank = reader.Text(),
            TaskName = reader.Text(),
            Version = reader.Text(),
            BundleHash = reader.Text(),
            BaseModelHash = reader.Text(),
            PromptTokens = reader.Number(),
            CompletionTokens = reader.Number(),
            PromptHash = reader.Text(),
            AnswerHash = reader.Text(),
            BegunTokens = reader.HasMore() ? reader.Int() : null,
        };
        if (entry.BegunTokens < 1)
            throw new FormatException("tokens that another node began below 1");
        reader.End();
        return new AuditBody(sequence, at, node, entry);
    }

    private static byte Code(AuditAction action) => action switch
    {
        AuditAction.Generate => 1,
        AuditAction.Rollout => 2,
        AuditAction.Tenancy => 3,
        AuditAction.Access => 4,
        AuditAction.Audit => 5,
        AuditAction.Node => 6,
        _ => 0,
    };

    private static AuditAction Action(byte code) => code switch
    {
        1 => AuditAction.Generate,
        2 => AuditAction.Rollout,
        3 => AuditAction.Tenancy,
        4 => AuditAction.Access,
        5 => AuditAction.Audit,
        6 => AuditAction.Node,
        _ => throw new FormatException("an unknown action"),
    };

    private static int Longest(AuditEntry entry)
    {
        int longest = 0;
        foreach (string? text in (ReadOnlySpan<string?>)[
            entry.Subject, entry.Detail, entry.Target, entry.RequestId, entry.Bank, entry.TaskName, entry.Version,
            entry.BundleHash, entry.BaseModelHash, entry.PromptHash, entry.AnswerHash])
            longest = Math.Max(longest, text is null ? 0 : Encoding.UTF8.GetByteCount(text));
        return longest;
    }

    private static void PutLong(Span<byte> target, ref int at, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(target[at..], value);
        at += sizeof(long);
    }

    private static void PutInt(Span<byte> target, ref int at, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(target[at..], value);
        at += sizeof(int);
    }

    private static void PutNumber(Span<byte> target, ref int at, int? value)
    {
        target[at++] = value is null ? (byte)0 : (byte)1;
        if (value is { } number)
            PutInt(target, ref at, number);
    }

    private static void PutText(Span<byte> target, ref int at, string? text)
    {
        // Half a surrogate pair, which a caller's JSON may hold, becomes U+FFFD: an audit record is never refused for it.
        int length = text is null ? 0 : Encoding.UTF8.GetBytes(text, target[(at + 2)..]);
        BinaryPrimitives.WriteUInt16LittleEndian(target[at..], text is null ? Absent : (ushort)length);
        at += sizeof(ushort) + length;
    }

    /// <summary>Reads what the methods above write, and nothing else.</summary>
    private ref struct Reader(ReadOnlySpan<byte> bytes)
    {
        private ReadOnlySpan<byte> _rest = bytes;

        public byte Byte() => Take(1)[0];

        public bool Flag() => Byte() switch { 0 => false, 1 => true, _ => throw new FormatException("a flag that is neither 0 nor 1") };

        public int Int() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

        public long Long() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

        public int? Number() => Flag() ? Int() : null;

        public string Required() => Text() ?? throw new FormatException("a text that is missing");

        public string? Text()
        {
            ushort length = BinaryPrimitives.ReadUInt16LittleEndian(Take(sizeof(ushort)));
            if (length == Absent)
                return null;
            try
            {
                return Strict.GetString(Take(length));
            }
            catch (DecoderFallbackException)
            {
                throw new FormatException("a text that is not UTF-8");
            }
        }

        public readonly bool HasMore() => !_rest.IsEmpty;

        public readonly void End()
        {
            if (!_rest.IsEmpty)
                throw new FormatException("bytes behind its end");
        }

        private ReadOnlySpan<byte> Take(int count)
        {
            if (count > _rest.Length)
                throw new FormatException("an early end");
            ReadOnlySpan<byte> taken = _rest[..count];
            _rest = _rest[count..];
            return taken;
        }
    }
}

/// <summary>What a record's body holds.</summary>
internal readonly record struct AuditBody(long Sequence, DateTimeOffset At, string Node, AuditEntry Entry);

/// <summary>A record's time as a number: 100 ns units since 1970-01-01 UTC.</summary>
internal static class AuditTime
{
    public static long ToUnits(DateTimeOffset at) => at.UtcTicks - DateTime.UnixEpoch.Ticks;

    /// <exception cref="FormatException">No time of the calendar.</exception>
    public static DateTimeOffset FromUnits(long units)
    {
        long ticks = unchecked(units + DateTime.UnixEpoch.Ticks);
        return ticks >= 0 && ticks <= DateTime.MaxValue.Ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : throw new FormatException("a time outside the calendar");
    }
}
