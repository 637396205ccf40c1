namespace MoeLora.Training.Segmentation;

/// <summary>A dictionary of words cannot be used; the message says why, with file and lines.</summary>
public sealed class SegmentationException(string message) : Exception(message);
