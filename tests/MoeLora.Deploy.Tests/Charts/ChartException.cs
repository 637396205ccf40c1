namespace MoeLora.Deploy.Tests.Charts;

/// <summary>The chart does not take its values, and says why.</summary>
internal sealed class ChartException(string message) : Exception(message);
