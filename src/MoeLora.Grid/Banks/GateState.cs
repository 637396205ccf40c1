using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Banks;

/// <summary>What a gate keeps in the grain storage.</summary>
[GenerateSerializer, Alias("moelora.gate-state")]
internal sealed class GateState
{
    /// <summary>The bank; null before its first version.</summary>
    [Id(0)]
    public BankMessage? Bank { get; set; }

    /// <summary>Its last changes, oldest first.</summary>
    [Id(1)]
    public ChangeMessage[] Changes { get; set; } = [];
}
