using MoeLora.Training.Pretraining;
using MoeLora.Training.Runs;
using MoeLora.Training.Tokenization;

namespace MoeLora.Cli.Pretraining;

/// <summary>What <c>moelora pretrain</c> is asked for.</summary>
internal sealed record PretrainRequest
{
    /// <summary>File of texts.</summary>
    public required string Corpus { get; init; }

    /// <summary>Directory of the model, new or empty.</summary>
    public required string Out { get; init; }

    /// <summary>How its tokenizer is trained.</summary>
    public required BytePairOptions Tokenizer { get; init; }

    /// <summary>Its shape.</summary>
    public required BaseModelShape Shape { get; init; }

    /// <summary>How it is trained.</summary>
    public required TrainingSettings Training { get; init; }
}
