using System.Text.Json.Serialization;
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
    string WeightsFormat,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<AnswerEarlierPart>? Earlier)
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
        provenance.WeightsFormat,
        provenance.Earlier.Count == 0 ? null : [.. provenance.Earlier.Select(part => new AnswerEarlierPart(part.Node, Wire.Name(part.Mode), part.Device, part.Tokens))]);
}

/// <summary><see cref="EarlierPart"/> as the interface spells it.</summary>
internal sealed record AnswerEarlierPart(string Node, string Mode, string Device, int Tokens);
