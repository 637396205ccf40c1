using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>What a transformer is made of, all immutable.</summary>
internal sealed record ModelParts(ModelConfig Config, ModelLayout Layout, Device Device, DType WeightFormat, WeightSet Weights);

/// <summary>
/// What the architectures have in common: the checks around a step and the ownership of weights. A subclass adds the layers.
/// </summary>
internal abstract class TransformerModel<TScratch> : CausalModel
    where TScratch : class, IScratch
{
    private readonly ModelParts _parts;
    private readonly bool _ownsState;
    private bool _disposed;

    protected TransformerModel(ModelParts parts, float[] rotaryFrequencies, Func<int, TScratch> allocateScratch)
    {
        _parts = parts;
        _ownsState = true;
        State = new RunState<TScratch>(parts.Device, rotaryFrequencies, allocateScratch);
    }

    /// <summary>The parent on other weights, with its run state.</summary>
    protected TransformerModel(TransformerModel<TScratch> parent, WeightSet weights)
    {
        _parts = parent._parts with { Weights = weights };
        State = parent.State;
    }

    public override ModelConfig Config => _parts.Config;

    public override Device Device => _parts.Device;

    public override DType WeightFormat => _parts.WeightFormat;

    public override IReadOnlyList<LinearModule> LinearModules => _parts.Layout.Modules;

    public override long ResidentBytes => _parts.Weights.ResidentBytes;

    public override long ParameterCount => _parts.Layout.Weights.Sum(spec => spec.Elements);

    protected RunState<TScratch> State { get; }

    public override Tensor Weight(LinearModule module) => _parts.Weights.Layer(module).Weight;

    public override string? FindPromptProblem(ReadOnlySpan<int> prompt)
    {
        if (prompt.IsEmpty)
            return "The prompt is empty; a sequence needs at least one token.";
        int outside = prompt.IndexOfAnyExceptInRange(0, Config.VocabularySize - 1);
        if (outside >= 0)
            return $"Token {prompt[outside]} at position {outside} of the prompt is outside the vocabulary of {Config.VocabularySize}.";
        return prompt.Length > Config.MaxPositions
            ? $"The prompt has {prompt.Length} tokens; the model was made for at most {Config.MaxPositions}."
            : null;
    }

    public override ModelSequence StartSequence(ReadOnlySpan<int> prompt, int capacity)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (FindPromptProblem(prompt) is { } problem)
            throw new ArgumentException(problem, nameof(prompt));
        if (prompt.Length > capacity)
            throw new ArgumentException($"The prompt has {prompt.Length} tokens, more than the {capacity} positions asked for.", nameof(prompt));
        if (capacity > Config.MaxPositions)
            throw new ArgumentException($"{capacity} positions were asked for; the model was made for at most {Config.MaxPositions}.", nameof(capacity));
        State.Angles.Reserve(capacity);
        return CreateSequence(prompt, Device.CreateKvCache(Config.LayerCount, Config.KeyValueHeadCount, Config.HeadDim, capacity));
    }

    public override ModelSequence StartSequence(ReadOnlySpan<int> prompt, KvCache cache, int length = 0)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (FindPromptProblem(prompt) is { } problem)
            throw new ArgumentException(problem, nameof(prompt));
        if (cache.Pool.Device != Device || (cache.Layers, cache.Heads, cache.HeadDim) != (Config.LayerCount, Config.KeyValueHeadCount, Config.HeadDim))
        {
            throw new ArgumentException(
                $"The cache holds {cache.Layers} layers of {cache.Heads} heads of {cache.HeadDim} elements on {cache.Pool.Device.Name}; the model needs "
                + $"{Config.LayerCount} of {Config.KeyValueHeadCount} of {Config.HeadDim} on {Device.Name}.", nameof(cache));
        }
        if (length < 0 || length > prompt.Length)
            throw new ArgumentException($"{length} positions are said to be filled; the prompt has {prompt.Length}.", nameof(length));
        if (length > cache.Capacity)
            throw new ArgumentException($"{length} positions are said to be filled; the cache holds {cache.Capacity}.", nameof(length));
        ModelSequence sequence = CreateSequence(prompt, cache);
        if (sequence.VisiblePrefix > 0 && length > 0 && length < prompt.Length)
        {
            throw new ArgumentException(
                $"The first {sequence.VisiblePrefix} tokens of this prompt see each other, so all {prompt.Length} positions or none can be filled already, not {length}.",
                nameof(length));
        }
        sequence.Length = length;
        return sequence;
    }

    public override void Forward(StepBatch batch, Tensor logits)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Check(batch, logits);
        State.Angles.Reserve(Positions(batch));
        State.Step.Take(batch);
        Run(batch, State.Step, logits);
        State.Step.Release();
        for (int i = 0; i < batch.Entries.Count; i++)
            batch.Entries[i].Sequence.Length += batch.Entries[i].RowCount;
    }

    public override CausalModel WithWeights(IReadOnlyDictionary<int, Tensor> weights)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var replacements = new List<(LinearModule, Tensor)>();
        foreach ((int index, Tensor weight) in weights)
        {
            if (index < 0 || index >= LinearModules.Count)
                throw new ArgumentException($"There is no module {index}; the model has {LinearModules.Count}.", nameof(weights));
            LinearModule module = LinearModules[index];
            if (weight.Rows != module.OutFeatures || weight.Columns != module.InFeatures)
                throw new ArgumentException($"{module.Name} is [{module.OutFeatures}, {module.InFeatures}]; the given weight is {weight}.", nameof(weights));
            if (weight.Device != Device)
                throw new ArgumentException($"The weight given for {module.Name} is on another device.", nameof(weights));
            replacements.Add((module, weight));
        }
        return Derive(_parts.Weights.With(replacements));
    }

    public override void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _parts.Weights.Dispose();
        if (_ownsState)
            State.Dispose();
    }

    /// <summary>The layers, from the batch's tokens to its logits.</summary>
    protected abstract void Run(StepBatch batch, Step step, Tensor logits);

    /// <summary>Makes a sequence for a checked prompt.</summary>
    protected abstract ModelSequence CreateSequence(ReadOnlySpan<int> prompt, KvCache cache);

    /// <summary>This model on other weights, sharing the run state.</summary>
    protected abstract CausalModel Derive(WeightSet weights);

    /// <summary>The positions of the longest sequence after the step.</summary>
    private static int Positions(StepBatch batch)
    {
        int positions = 0;
        for (int i = 0; i < batch.Entries.Count; i++)
            positions = Math.Max(positions, batch.Entries[i].Sequence.Length + batch.Entries[i].RowCount);
        return positions;
    }

    private void Check(StepBatch batch, Tensor logits)
    {
        if (batch.Rows == 0)
            throw new ArgumentException("The batch is empty.", nameof(batch));
        if (batch.LogitsRows > 0 && (logits.DType != DType.F32 || logits.Rows < batch.LogitsRows || logits.Columns != Config.VocabularySize))
            throw new ArgumentException($"The logits must be f32 [{batch.LogitsRows} or more, {Config.VocabularySize}], not {logits}.", nameof(logits));

        for (int i = 0; i < batch.Entries.Count; i++)
        {
            StepBatch.Entry entry = batch.Entries[i];
            if (entry.Sequence.FindRoomProblem(entry.RowCount) is { } problem)
                throw new ArgumentException(problem, nameof(batch));
            if (entry.Sequence.Length + entry.RowCount > Config.MaxPositions)
            {
                throw new ArgumentException(
                    $"{entry.Sequence.Length} + {entry.RowCount} positions; the model was made for at most {Config.MaxPositions}.", nameof(batch));
            }
            if (entry.Sequence.Length < entry.Sequence.VisiblePrefix && entry.RowCount < entry.Sequence.VisiblePrefix)
            {
                throw new ArgumentException(
                    $"The first {entry.Sequence.VisiblePrefix} tokens of this prompt see each other and must be fed in one step, not {entry.RowCount}.", nameof(batch));
            }
            if (entry.Gate is null)
                continue;
            if (!_ownsState)
            {
                throw new ArgumentException(
                    "A sequence has a gate, but this model was made with weights of its own, which have a task's deltas in them: leave the gate out, or run the base model.",
                    nameof(batch));
            }
            DeltaSet deltas = entry.Deltas!;
            if (deltas.ByModule.Count != LinearModules.Count || deltas.GateSlot.Count != LinearModules.Count)
                throw new ArgumentException($"The deltas are for {deltas.ByModule.Count} modules; the model has {LinearModules.Count}.", nameof(batch));
        }
    }
}
