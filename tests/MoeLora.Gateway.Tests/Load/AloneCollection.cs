namespace MoeLora.Gateway.Tests.Load;

/// <summary>Tests that look at the time or the memory of the whole process: none runs beside another.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
