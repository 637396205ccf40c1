using MoeLora.Engine.Generation;

namespace MoeLora.Engine.Batching;

/// <summary>One prompt to continue, once or several times. Prints without its tokens and its keys.</summary>
public sealed record EngineRequest
{
    private readonly int _answers = 1;
    private readonly double _weight = 1;

    /// <summary>The weights that answer. They must live until the request has ended.</summary>
    public required TaskModel Task { get; init; }

    /// <summary>Token ids that <see cref="Models.CausalModel.FindPromptProblem"/> has nothing against. Not to be changed until the request has ended.</summary>
    public required int[] Prompt { get; init; }

    /// <summary>What ends an answer, and how its tokens are chosen. Answers after the first draw with seeds of their own, see <see cref="Sampling.SamplingSettings"/>.</summary>
    public required GenerationSettings Settings { get; init; }

    /// <summary>Answers to generate; the prompt is computed once for all. 1 or more.</summary>
    public int Answers
    {
        get => _answers;
        init => _answers = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "At least one answer is generated.");
    }

    /// <summary>
    /// The tokens that each answer has already, when another engine began it with the same weights and settings: they are taken as they are and not told again, and
    /// what follows is what would have followed there. One array for each answer, none longer than the most tokens asked for; empty where nothing has begun. Not to be
    /// changed until the request has ended.
    /// </summary>
    public IReadOnlyList<int[]> Begun { get; init; } = [];

    /// <summary>Whose share of the engine it uses: any text.</summary>
    public string Tenant { get; init; } = "";

    /// <summary>The tenant's share relative to others'. Above 0; the one last submitted counts.</summary>
    public double Weight
    {
        get => _weight;
        init => _weight = value > 0 && double.IsFinite(value) ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A weight is above 0.");
    }

    /// <summary>
    /// Lets it use the keys and values of earlier prompts with the same key and the same beginning, and later ones its own. The key must name all that they
    /// depend on (base model, adapter, task, form) and all that they must not be shared across (tenant). Null shares nothing.
    /// </summary>
    public string? PrefixKey { get; init; }

    /// <summary>Sizes only.</summary>
    public override string ToString() => $"{Prompt.Length} tokens, {Answers} answers of at most {Settings.MaxTokens}";
}
