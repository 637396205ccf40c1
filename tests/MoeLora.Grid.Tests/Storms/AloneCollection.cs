namespace MoeLora.Grid.Tests.Storms;

/// <summary>Tests that start processes of their own and measure them: nothing else of this assembly runs meanwhile.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
