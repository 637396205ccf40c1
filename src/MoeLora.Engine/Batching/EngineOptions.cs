namespace MoeLora.Engine.Batching;

/// <summary>How much a <see cref="BatchEngine"/> does at once.</summary>
public sealed record EngineOptions
{
    /// <summary>One part in so many of sequences and blocks is for tenants that run less than that.</summary>
    internal const int ReservedPart = 8;

    private readonly int _blocks = 256;
    private readonly int _blockPositions = 32;
    private readonly int _maxSequences = 32;
    private readonly int _stepTokens = 256;
    private readonly int _queueLength = 64;
    private readonly int? _tenantQueueLength;
    private readonly TimeSpan? _promptTime = TimeSpan.FromMilliseconds(200);

    /// <summary>Blocks of keys and values for all sequences together and the prefix cache; see <see cref="BatchEngine.BlocksIn"/>.</summary>
    public int Blocks
    {
        get => _blocks;
        init => _blocks = AtLeastOne(value, "block");
    }

    /// <summary>Positions in a block: 32, 64 or 128.</summary>
    public int BlockPositions
    {
        get => _blockPositions;
        init => _blockPositions = value is 32 or 64 or 128 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A block has 32, 64 or 128 positions.");
    }

    /// <summary>
    /// Most sequences, which are answers, that run at once. An eighth of them, and of the blocks, is for tenants that run less than that: the
    /// first token of such a tenant does not wait for the last of another's answers.
    /// </summary>
    public int MaxSequences
    {
        get => _maxSequences;
        init => _maxSequences = AtLeastOne(value, "sequence");
    }

    /// <summary>Most tokens of prompts in a step. Longer prompts take several steps, between which other sequences go on.</summary>
    public int StepTokens
    {
        get => _stepTokens;
        init => _stepTokens = AtLeastOne(value, "token of a prompt");
    }

    /// <summary>
    /// How long a step may work on prompts while other sequences wait for their next token; four times that when none does. Fewer tokens than
    /// <see cref="StepTokens"/> are taken where these took longer, but not fewer than 32. Null takes as many always. Answers do not depend on it.
    /// </summary>
    public TimeSpan? PromptTime
    {
        get => _promptTime;
        init => _promptTime = value is null || value > TimeSpan.Zero ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "The time for prompts is above 0.");
    }

    /// <summary>Most requests that wait.</summary>
    public int QueueLength
    {
        get => _queueLength;
        init => _queueLength = AtLeastOne(value, "waiting request");
    }

    /// <summary>Most requests of one tenant that wait; null is half of <see cref="QueueLength"/>, so that no tenant fills it alone.</summary>
    public int? TenantQueueLength
    {
        get => _tenantQueueLength;
        init => _tenantQueueLength = value is { } length ? AtLeastOne(length, "waiting request of a tenant") : null;
    }

    /// <summary>Runs first on the model's thread: where it pins itself to a core.</summary>
    public Action? OnStart { get; init; }

    /// <summary>Told on the model's thread how long each step took that computed something. It must be quick and throw nothing.</summary>
    public Action<TimeSpan>? OnStep { get; init; }

    private static int AtLeastOne(int value, string what) =>
        value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, $"At least one {what} is needed.");
}
