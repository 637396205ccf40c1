using MoeLora.Contracts;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Answers;

/// <summary><see cref="Provenance"/> as the interface spells it.</summary>
internal sealed record AnswerProvenance(
    string BaseModelHash,
    string? AdapterHash,
    string? Bank,
    string? Version,
    string? Task,
    int? TaskId,
    IReadOnlyList<IReadOnlyList<float>> GateWeights,
    string Mode,
    string Device,
    string Node,
    long Seed,
    string WeightsFormat)
{
    public static AnswerProvenance From(Provenance provenance) => new(
        provenance.BaseModelHash,
        provenance.AdapterHash,
        provenance.Bank,
        provenance.Version,
        provenance.Task,
        provenance.TaskId,
        provenance.GateWeights,
        Wire.Name(provenance.Mode),
        provenance.Device,
        provenance.Node,
        provenance.Seed,
        provenance.WeightsFormat);
}
