namespace MoeLora.Serving.Loading;

/// <summary>How far the loading of a grid is.</summary>
/// <param name="Step">What is being done, such as <c>reading the weights</c>.</param>
/// <param name="Done">Of <paramref name="Total"/>.</param>
/// <param name="Total">Size of the step in units of its own; 0 when unknown.</param>
public readonly record struct GridLoading(string Step, long Done, long Total)
{
    /// <inheritdoc/>
    public override string ToString() => Total > 0 ? $"{Step} ({Done * 100 / Total} %)" : Step;
}
