namespace MoeLora.Models.Configs;

/// <summary>ChatGLM-6B: two-dimensional rotary positions, a prompt attended in both directions, LayerNorm, scaled residual, GELU.</summary>
public sealed record ChatGlmConfig : ModelConfig
{
    /// <summary><c>[gMASK]</c>: ends the user's part of a prompt; generated text fills it.</summary>
    public required int GMaskTokenId { get; init; }

    /// <summary><c>[MASK]</c>: takes the place of <c>[gMASK]</c> when a prompt fills a short blank.</summary>
    public required int MaskTokenId { get; init; }

    /// <summary>The id that ends the visible part of the prompt and begins the answer (<c>bos_token_id</c>).</summary>
    public required int StartTokenId { get; init; }

    /// <summary>The id that fills shorter rows of a batch in the reference; never fed here.</summary>
    public required int PadTokenId { get; init; }
}
