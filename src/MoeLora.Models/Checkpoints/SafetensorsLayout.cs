namespace MoeLora.Models.Checkpoints;

/// <summary>A tensor in a safetensors file: [Begin, End) are bytes from the start of the data.</summary>
internal readonly record struct SafetensorsSlot(CheckpointTensor Tensor, long Begin, long End);

/// <summary>What a safetensors header says, once it has been found to be true.</summary>
/// <param name="DataStart">Where the data begins in the file.</param>
/// <param name="Slots">By tensor name.</param>
/// <param name="Metadata">The <c>__metadata__</c> map.</param>
internal sealed record SafetensorsLayout(long DataStart, IReadOnlyDictionary<string, SafetensorsSlot> Slots, IReadOnlyDictionary<string, string> Metadata);
