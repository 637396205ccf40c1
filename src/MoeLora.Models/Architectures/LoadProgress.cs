namespace MoeLora.Models.Architectures;

/// <summary>How far a load is, reported after each tensor.</summary>
/// <param name="TensorName">The tensor just loaded.</param>
/// <param name="BytesDone">Bytes of the checkpoint read so far.</param>
/// <param name="BytesTotal">Bytes of the checkpoint that the model needs.</param>
public readonly record struct LoadProgress(string TensorName, long BytesDone, long BytesTotal);
