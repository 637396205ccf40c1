using MoeLora.Tensors;

namespace MoeLora.Models;

/// <summary>
/// A decoder-only language model on a device: immutable weights, written once per architecture against <see cref="Tensors.Device"/>.
/// </summary>
/// <remarks>
/// Driven by one thread at a time, because it owns the scratch memory of a step; models made by <see cref="WithWeights"/> share that memory
/// and so that thread. Made by <see cref="Architectures.ModelLoader"/>.
/// </remarks>
public abstract class CausalModel : IDisposable
{
    /// <summary>The model's shape and constants.</summary>
    public abstract ModelConfig Config { get; }

    /// <summary>Where the weights are.</summary>
    public abstract Device Device { get; }

    /// <summary>How dense weights are kept.</summary>
    public abstract DType WeightFormat { get; }

    /// <summary>Every dense layer that an adapter may adapt, in execution order.</summary>
    public abstract IReadOnlyList<LinearModule> LinearModules { get; }

    /// <summary>Bytes that this model's own weights hold on the device; a model made by <see cref="WithWeights"/> counts only those given to it.</summary>
    public abstract long ResidentBytes { get; }

    /// <summary>Parameters of the base model, tied embeddings counted once.</summary>
    public abstract long ParameterCount { get; }

    /// <summary>The resident weight of a module, [out, in].</summary>
    public abstract Tensor Weight(LinearModule module);

    /// <summary>
    /// Why <see cref="StartSequence(ReadOnlySpan{int}, int)"/> would refuse this prompt whatever the capacity, or null when it would not: it is empty, holds an id
    /// outside the vocabulary, lacks a token that the architecture needs, or is longer than the model was made for. Safe from any thread.
    /// </summary>
    public abstract string? FindPromptProblem(ReadOnlySpan<int> prompt);

    /// <summary>Begins a sequence whose prompt is <paramref name="prompt"/>, with room for <paramref name="capacity"/> positions. Runs nothing yet.</summary>
    /// <exception cref="ArgumentException"><see cref="FindPromptProblem"/> finds one, or the prompt does not fit the capacity, or that the model.</exception>
    public abstract ModelSequence StartSequence(ReadOnlySpan<int> prompt, int capacity);

    /// <summary>
    /// Begins a sequence on a cache of a pool of <see cref="CreateKvPool"/>, whose first <paramref name="length"/> positions hold the keys and values of the prompt's
    /// first tokens already. The cache need not have room yet: reserve it before each step. The sequence disposes it.
    /// </summary>
    /// <param name="prompt">The whole prompt.</param>
    /// <param name="cache">Empty, or filled by this model with the same weights and gate for a prompt with the same beginning.</param>
    /// <param name="length">
    /// Positions filled. Where the prompt has a part that is attended in both directions (ChatGLM), 0 or the whole prompt: what is filled for a beginning of it
    /// would have to see the rest.
    /// </param>
    /// <exception cref="ArgumentException"><see cref="FindPromptProblem"/> finds one, or the cache does not fit the model or the length; it stays the caller's.</exception>
    public abstract ModelSequence StartSequence(ReadOnlySpan<int> prompt, KvCache cache, int length = 0);

    /// <summary>Makes the memory for the caches of many sequences. The caller disposes it, after the sequences.</summary>
    /// <param name="blockPositions">Positions in a block: 32, 64 or 128; <see cref="KvPool.DefaultBlockPositions"/> when in doubt.</param>
    /// <param name="blocks">How many.</param>
    public KvPool CreateKvPool(int blockPositions, int blocks)
        => Device.CreateKvPool(Config.LayerCount, Config.KeyValueHeadCount, Config.HeadDim, blockPositions, blocks);

    /// <summary>Bytes that one position of one sequence takes in a pool.</summary>
    public long KvBytesPerPosition => Device.KvBytesPerPosition(Config.LayerCount, Config.KeyValueHeadCount, Config.HeadDim);

    /// <summary>
    /// Runs one step: feeds the batch's tokens, extends the caches and advances the sequences, and writes <see cref="StepBatch.LogitsRows"/> rows of
    /// logits [rows, vocabulary], in the order of the entries. Allocates nothing once the run state has grown to the largest step.
    /// </summary>
    /// <param name="batch">At least one sequence. Sequences with a <see cref="ModelSequence.VisiblePrefix"/> need it whole in their first step.</param>
    /// <param name="logits">F32 [<see cref="StepBatch.LogitsRows"/> or more, vocabulary]; not touched when no row wants logits.</param>
    /// <exception cref="ArgumentException">The batch, its gates or the logits do not fit the model; no sequence has advanced.</exception>
    public abstract void Forward(StepBatch batch, Tensor logits);

    /// <summary>
    /// A model that uses <paramref name="weights"/> (by <see cref="LinearModule.Index"/>) and shares everything else with this one. It owns the given
    /// tensors and must be disposed before this model. Its steps take no gates: the given weights have a task's deltas in them.
    /// </summary>
    /// <exception cref="ArgumentException">There is no such module, or a weight has another shape or device; the tensors stay the caller's.</exception>
    public abstract CausalModel WithWeights(IReadOnlyDictionary<int, Tensor> weights);

    /// <inheritdoc/>
    public abstract void Dispose();
}
