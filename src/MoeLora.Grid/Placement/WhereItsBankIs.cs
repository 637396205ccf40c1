using Orleans.Placement;

namespace MoeLora.Grid.Placement;

/// <summary>Places a task grain on a silo that has its bank's base model and room for it.</summary>
[GenerateSerializer, Immutable, Alias("moelora.where-its-bank-is")]
internal sealed class WhereItsBankIsPlacement : PlacementStrategy;

/// <inheritdoc cref="WhereItsBankIsPlacement"/>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class WhereItsBankIsAttribute() : PlacementAttribute(new WhereItsBankIsPlacement());
