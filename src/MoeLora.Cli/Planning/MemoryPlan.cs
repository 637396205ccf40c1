using MoeLora.Cli.Terminals;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Cli.Planning;

/// <summary>What a base model with an adapter takes of a device's memory, as a node reports it when they are loaded. Also the JSON that is printed.</summary>
internal sealed record MemoryPlan
{
    /// <summary>Positions that a node counts with for each answer where nothing else is said.</summary>
    public const int UsualTokens = 2048;

    public required string Model { get; init; }

    public required string Weights { get; init; }

    public required string Device { get; init; }

    public required long Parameters { get; init; }

    public required int ContextLength { get; init; }

    /// <summary>The base weights.</summary>
    public required long BaseBytes { get; init; }

    /// <summary>Dense layers that the adapter adapts; 0 without one.</summary>
    public required int AdaptedModules { get; init; }

    /// <summary>The expert bank of one version, whatever number of tasks it has.</summary>
    public required long BankBytes { get; init; }

    /// <summary>The recovered weights of one task.</summary>
    public required long MergedTaskBytes { get; init; }

    /// <summary>Keys and values of one position of one sequence.</summary>
    public required long KvPositionBytes { get; init; }

    /// <summary>Positions of each answer, prompt included.</summary>
    public required int Tokens { get; init; }

    /// <summary>Keys and values of one such answer, in whole blocks.</summary>
    public required long KvAnswerBytes { get; init; }

    /// <summary>Answers at once.</summary>
    public required int Sequences { get; init; }

    /// <summary>Keys and values of all of them; at least one whole context.</summary>
    public required long KvBytes { get; init; }

    /// <summary>Versions in memory.</summary>
    public required int Versions { get; init; }

    /// <summary>Merged tasks.</summary>
    public required int Merged { get; init; }

    /// <summary>All of it together.</summary>
    public long TotalBytes => BaseBytes + (Versions * BankBytes) + (Merged * MergedTaskBytes) + KvBytes;

    /// <summary>Computes a plan: tensors are allocated one after the other and given back, so that padding is the device's own; nothing is read.</summary>
    /// <param name="wanted">What to plan for.</param>
    /// <param name="config">The base model.</param>
    /// <param name="adapted">The layers that the adapter adapts; none without one.</param>
    /// <param name="rank">Its rank over all experts.</param>
    /// <param name="device">Where it would be.</param>
    public static MemoryPlan Of(PlanSettings wanted, ModelConfig config, IReadOnlyList<LinearModule> adapted, int rank, Device device)
    {
        ModelOutline outline = ModelOutline.Of(config);
        DType bank = wanted.Weights == DType.F32 ? DType.F32 : DType.BF16; // as an expert bank is kept beside such weights
        int tokens = Math.Min(wanted.Tokens, config.MaxPositions);
        const int Block = KvPool.DefaultBlockPositions;
        long blockBytes = Block * device.KvBytesPerPosition(config.LayerCount, config.KeyValueHeadCount, config.HeadDim);
        long wholeContext = Blocks(config.MaxPositions), answer = Blocks(tokens);
        return new MemoryPlan
        {
            Model = wanted.Model,
            Weights = wanted.Weights.Name(),
            Device = device.Name,
            Parameters = outline.ParameterCount,
            ContextLength = config.MaxPositions,
            BaseBytes = outline.ResidentBytes(device, wanted.Weights),
            AdaptedModules = adapted.Count,
            BankBytes = adapted.Sum(module => Bytes(bank, rank, module.InFeatures) + Bytes(bank, module.OutFeatures, rank)),
            MergedTaskBytes = adapted.Sum(module => Bytes(wanted.Weights, module.OutFeatures, module.InFeatures)),
            KvPositionBytes = blockBytes / Block,
            Tokens = tokens,
            KvAnswerBytes = answer * blockBytes,
            Sequences = wanted.Sequences,
            KvBytes = Math.Max(wholeContext, wanted.Sequences * answer) * blockBytes,
            Versions = adapted.Count == 0 ? 0 : wanted.Versions,
            Merged = wanted.Merged,
        };

        long Bytes(DType format, int rows, int columns)
        {
            using Tensor tensor = device.Allocate(format, rows, columns);
            return tensor.ResidentBytes;
        }

        static long Blocks(int positions) => (positions + Block - 1) / Block;
    }

    /// <summary>Prints it for a person.</summary>
    public void Print(Terminal terminal)
    {
        TextWriter text = terminal.Out;
        text.WriteLine(FormattableString.Invariant($"model          {Model}, {Parameters:N0} parameters in {Weights} on {Device}"));
        text.WriteLine($"base weights   {Mb(BaseBytes)}, once");
        if (AdaptedModules > 0)
        {
            text.WriteLine($"expert bank    {Mb(BankBytes)} for each version in memory, whatever number of tasks; {AdaptedModules} layers adapted");
            text.WriteLine($"task, shared   nothing but its gate weights");
            text.WriteLine($"task, merged   {Mb(MergedTaskBytes)} for each task");
        }

        text.WriteLine(FormattableString.Invariant($"keys, values   {KvPositionBytes:N0} bytes for each token; {Mb(KvAnswerBytes)} for an answer of {Tokens:N0} tokens, prompt included"));
        text.WriteLine($"together       {Mb(TotalBytes)}: base{(Versions > 0 ? $" + {Versions} x bank" : "")}{(Merged > 0 ? $" + {Merged} merged" : "")} + {Mb(KvBytes)} for {Sequences} answers at once");
    }

    private static string Mb(long bytes) => FormattableString.Invariant($"{bytes / 1048576.0:N1} MiB");
}

/// <summary>What to plan for.</summary>
/// <param name="Model">How the model is called.</param>
/// <param name="Weights">How its weights are kept.</param>
/// <param name="Sequences">Answers at once.</param>
/// <param name="Tokens">Positions of each, prompt included.</param>
/// <param name="Versions">Versions in memory.</param>
/// <param name="Merged">Merged tasks.</param>
internal sealed record PlanSettings(string Model, DType Weights, int Sequences, int Tokens, int Versions, int Merged);
