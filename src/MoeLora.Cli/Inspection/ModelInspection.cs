using MoeLora.Cli.Terminals;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Cli.Inspection;

/// <summary>What a base model's directory holds. Also the JSON that is printed.</summary>
internal sealed record ModelInspection : IInspection
{
    public string Kind => "model";

    public required string Path { get; init; }

    public required string Architecture { get; init; }

    /// <summary>Tied embeddings counted once.</summary>
    public required long Parameters { get; init; }

    /// <summary>Dense layers that adapters may adapt.</summary>
    public required int LinearModules { get; init; }

    public required int Layers { get; init; }

    public required int HiddenSize { get; init; }

    public required int IntermediateSize { get; init; }

    public required int Heads { get; init; }

    public required int KeyValueHeads { get; init; }

    public required int HeadDim { get; init; }

    public required int Vocabulary { get; init; }

    public required int ContextLength { get; init; }

    public required IReadOnlyList<int> EndTokenIds { get; init; }

    /// <summary>Size of the tokenizer's vocabulary; null when text cannot be used.</summary>
    public int? TokenizerVocabulary { get; init; }

    /// <summary>Why text cannot be used; null when it can.</summary>
    public string? WhyNoTokenizer { get; init; }

    public required WeightFiles Weights { get; init; }

    /// <summary>Reads everything but the weights themselves.</summary>
    /// <exception cref="CheckpointException">Config, weights or tokenizer cannot be used, or do not fit each other.</exception>
    public static ModelInspection Read(string directory)
    {
        ModelConfig config = ModelConfigReader.Read(directory);
        ModelOutline outline = ModelOutline.Of(config);
        using Checkpoint checkpoint = Checkpoint.Open(directory);
        outline.Require(checkpoint);
        TokenizerLoad tokenizer = TokenizerReader.Read(directory);
        return new ModelInspection
        {
            Path = directory,
            Architecture = config.ModelType,
            Parameters = outline.ParameterCount,
            LinearModules = outline.LinearModules.Count,
            Layers = config.LayerCount,
            HiddenSize = config.HiddenSize,
            IntermediateSize = config.IntermediateSize,
            Heads = config.HeadCount,
            KeyValueHeads = config.KeyValueHeadCount,
            HeadDim = config.HeadDim,
            Vocabulary = config.VocabularySize,
            ContextLength = config.MaxPositions,
            EndTokenIds = config.EndTokenIds,
            TokenizerVocabulary = tokenizer.Tokenizer?.VocabularySize,
            WhyNoTokenizer = tokenizer.WhyNone,
            Weights = WeightFiles.Of(checkpoint),
        };
    }

    public void Print(Terminal terminal)
    {
        TextWriter text = terminal.Out;
        text.WriteLine($"model        {Path}");
        text.WriteLine(FormattableString.Invariant($"architecture {Architecture}, {Parameters:N0} parameters"));
        text.WriteLine(FormattableString.Invariant($"layers       {Layers} of width {HiddenSize}, inner width {IntermediateSize}; {LinearModules} dense layers that adapters may adapt"));
        text.WriteLine($"heads        {Heads} of {HeadDim}, {KeyValueHeads} for keys and values");
        text.WriteLine(FormattableString.Invariant($"vocabulary   {Vocabulary:N0}, ends at {string.Join(", ", EndTokenIds)}"));
        text.WriteLine(FormattableString.Invariant($"context      {ContextLength:N0} tokens"));
        text.WriteLine(TokenizerVocabulary is { } size ? FormattableString.Invariant($"tokenizer    byte-level BPE, {size:N0} ids") : $"tokenizer    none: {WhyNoTokenizer}");
        text.WriteLine($"weights      {Weights}");
    }
}
