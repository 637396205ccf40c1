namespace MoeLora.Training.Records;

/// <summary>The bytes of one line of a file, without its line end.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Offset">Of the first byte in the file.</param>
/// <param name="Bytes">Empty when <paramref name="IsTooLong"/>. Valid until the next line is read.</param>
/// <param name="IsTooLong">More bytes than <see cref="RecordLineReader.MostBytes"/>, which were passed over.</param>
internal readonly record struct RecordLine(int Number, long Offset, ReadOnlyMemory<byte> Bytes, bool IsTooLong);
