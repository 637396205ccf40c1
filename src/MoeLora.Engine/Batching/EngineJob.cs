using MoeLora.Engine.Batching.Fairness;
using MoeLora.Engine.Batching.Prefixes;
using MoeLora.Models;

namespace MoeLora.Engine.Batching;

/// <summary>Where a request is.</summary>
internal enum JobPhase
{
    /// <summary>In the queue, for the first time or again.</summary>
    Waiting,

    /// <summary>Its prompt is being computed.</summary>
    Prefilling,

    /// <summary>Its answers grow.</summary>
    Decoding,

    /// <summary>It has ended.</summary>
    Ended,
}

/// <summary>A request on its way. All but the ticket belongs to the model's thread once it is in the queue.</summary>
internal sealed class EngineJob(EngineRequest request, IEngineOutput output, long submitted, CancellationToken cancellation) : QueueTicket
{
    public EngineRequest Request { get; } = request;

    public IEngineOutput Output { get; } = output;

    public CancellationToken Cancellation { get; } = cancellation;

    /// <summary>Takes it out of the queue.</summary>
    public CancellationTokenRegistration Withdrawal { get; set; }

    public JobPhase Phase { get; set; }

    /// <summary>Made when its turn comes first.</summary>
    public EngineAnswer[]? Answers { get; set; }

    /// <summary>Answers that have not ended.</summary>
    public int Live { get; set; } = request.Answers;

    /// <summary>Whether an answer waits for its first token, which the prompt's last one gives: not one that made room for others, or had begun elsewhere.</summary>
    public bool WantsFirstToken
    {
        get
        {
            foreach (EngineAnswer answer in Answers!)
            {
                if (answer is { Count: 0, End: null })
                    return true;
            }

            return false;
        }
    }

    /// <summary>The tokens that end an answer.</summary>
    public int[] EndTokens { get; set; } = [];

    /// <summary>The sequence that the prompt is fed to, until the answers take it over.</summary>
    public ModelSequence? Prompt { get; set; }

    /// <summary>Whether other prompts may use its keys and values.</summary>
    public bool SharesPrefix { get; set; }

    /// <summary>The blocks of the prefix cache that it uses.</summary>
    public List<PrefixBlock> Prefix { get; } = [];

    /// <summary>Whether this step computes some of its prompt.</summary>
    public bool IsPlanned { get; set; }

    /// <summary>When it was submitted, when its turn came first, and when the first token was there; timestamps.</summary>
    public long Submitted { get; } = submitted;

    /// <inheritdoc cref="Submitted"/>
    public long? Started { get; set; }

    /// <inheritdoc cref="Submitted"/>
    public long? FirstToken { get; set; }

    /// <summary>Tokens of the prompt that the prefix cache held when its turn came first.</summary>
    public int CachedTokens { get; set; }

    /// <summary>Tokens of the prompt that were cached or computed, at most, so far: what is computed again after it made room is neither counted nor charged twice.</summary>
    public int SeenPrompt { get; set; }

    /// <summary>Tokens generated in all answers.</summary>
    public int Generated { get; set; }

    /// <summary>How often it made room for others.</summary>
    public int Preemptions { get; set; }
}
