using MoeLora.Contracts;

namespace MoeLora.Grid.Messages;

/// <summary>A <see cref="ModelDescription"/> between silos.</summary>
[GenerateSerializer, Immutable, Alias("moelora.model")]
public sealed record ModelMessage(
    [property: Id(0)] string Id, [property: Id(1)] int? TaskId, [property: Id(2)] string BaseModel, [property: Id(3)] ServingMode Mode, [property: Id(4)] int ContextLength,
    [property: Id(5)] DateTimeOffset Created, [property: Id(6)] string? Bank, [property: Id(7)] string? Version, [property: Id(8)] string? TaskName)
{
    internal static ModelMessage Of(ModelDescription model) =>
        new(model.Id, model.TaskId, model.BaseModel, model.Mode, model.ContextLength, model.Created, model.Bank, model.Version, model.TaskName);

    internal ModelDescription ToDescription() => new(Id, TaskId, BaseModel, Mode, ContextLength, Created) { Bank = Bank, Version = Version, TaskName = TaskName };
}

/// <summary>A model, or why there is none.</summary>
[GenerateSerializer, Immutable, Alias("moelora.model-reply")]
public sealed record ModelReply([property: Id(0)] ModelMessage? Model, [property: Id(1)] ErrorMessage? Error);
