using MoeLora.Contracts;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Catalog;

/// <summary>OpenAI's list of models.</summary>
/// <param name="Data">The models.</param>
internal sealed record ModelList(IReadOnlyList<ModelEntry> Data)
{
    /// <summary>Always <c>list</c>.</summary>
    public string Object => "list";
}

/// <summary>OpenAI's model, and what a task adds to it.</summary>
/// <param name="Id">What requests name.</param>
/// <param name="Created">Since when, in seconds since 1970.</param>
/// <param name="TaskId">The task's id; null for a base model.</param>
/// <param name="Bank">Its bank; null where no bundle is served.</param>
/// <param name="Version">The version that answers; null where no bundle is served.</param>
/// <param name="BaseModel">The base model's name.</param>
/// <param name="Mode"><c>base</c>, <c>merged</c> or <c>shared</c>.</param>
/// <param name="ContextLength">Most tokens of prompt and answer together.</param>
internal sealed record ModelEntry(string Id, long Created, int? TaskId, string? Bank, string? Version, string BaseModel, string Mode, int ContextLength)
{
    /// <summary>Always <c>model</c>.</summary>
    public string Object => "model";

    /// <summary>Always <c>moelora</c>.</summary>
    public string OwnedBy => "moelora";

    public static ModelEntry From(ModelDescription model) =>
        new(model.Id, model.Created.ToUnixTimeSeconds(), model.TaskId, model.Bank, model.Version, model.BaseModel, Wire.Name(model.Mode), model.ContextLength);
}
