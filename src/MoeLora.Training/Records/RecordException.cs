namespace MoeLora.Training.Records;

/// <summary>Records cannot be used; the message lists everything that is wrong with them, with file and line.</summary>
public sealed class RecordException(string message) : Exception(message);
