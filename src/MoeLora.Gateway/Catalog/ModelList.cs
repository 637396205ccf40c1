using MoeLora.Contracts;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Catalog;

/// <summary>OpenAI's list of models.</summary>
internal sealed record ModelList(IReadOnlyList<ModelEntry> Data)
{
    public string Object => "list";
}

/// <summary>OpenAI's model, and what a task adds to it.</summary>
internal sealed record ModelEntry(string Id, long Created, int? TaskId, string? Bank, string? Version, string BaseModel, string Mode, int ContextLength)
{
    public string Object => "model";

    public string OwnedBy => "moelora";

    public static ModelEntry From(ModelDescription model) =>
        new(model.Id, model.Created.ToUnixTimeSeconds(), model.TaskId, model.Bank, model.Version, model.BaseModel, Wire.Name(model.Mode), model.ContextLength);
}
