namespace MoeLora.Training.Batches;

/// <summary>What an architecture needs to know of a prompt besides its tokens.</summary>
/// <param name="VisiblePrefix">Positions that every position of the sample sees (prefix-bidirectional attention); 0 for plain causal attention.</param>
/// <param name="MaskPosition">ChatGLM: the position of the (g)mask token.</param>
public readonly record struct PromptShape(int VisiblePrefix, int MaskPosition);

/// <summary>A prompt and its answer as tokens, of one task. The answer ends with the model's end token.</summary>
/// <param name="Tokens">Prompt, then answer. Ids from the vocabulary's size on stand for trained virtual tokens.</param>
/// <param name="PromptLength">Tokens of the prompt; those after it are what the loss is taken on.</param>
/// <param name="TaskId">From 1.</param>
/// <param name="Shape">See <see cref="Networks.Network.ShapeOf"/>.</param>
public sealed record TrainingSample(int[] Tokens, int PromptLength, int TaskId, PromptShape Shape)
{
    /// <summary>Tokens that the loss is taken on.</summary>
    public int TargetCount => Tokens.Length - PromptLength;
}
