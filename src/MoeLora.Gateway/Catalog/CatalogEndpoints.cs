using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Catalog;

/// <summary>What can be named as <c>model</c>.</summary>
internal sealed class CatalogEndpoints(IModelGrid grid)
{
    public async Task ListAsync(HttpContext context)
    {
        GridResult<IReadOnlyList<ModelDescription>> result = await grid.ListModelsAsync(context.RequestAborted);
        if (!result.TryGet(out IReadOnlyList<ModelDescription>? models, out GridError? error))
            await Answer.WriteAsync(context, ApiError.From(error));
        else
            await Answer.WriteAsync(context, StatusCodes.Status200OK, new ModelList([.. models.Select(ModelEntry.From)]), GatewayJson.Readable.ModelList);
    }

    public async Task FindAsync(HttpContext context)
    {
        if (!ModelRef.TryParse(context.Request.RouteValues["id"] as string, out ModelRef reference, out string? problem))
        {
            await Answer.WriteAsync(context, ApiError.Caller(StatusCodes.Status404NotFound, "model_not_found", $"A model's name {problem}.", "model"));
            return;
        }

        GridResult<ModelDescription> result = await grid.FindModelAsync(reference, context.RequestAborted);
        if (!result.TryGet(out ModelDescription? model, out GridError? error))
            await Answer.WriteAsync(context, ApiError.From(error));
        else
            await Answer.WriteAsync(context, StatusCodes.Status200OK, ModelEntry.From(model), GatewayJson.Readable.ModelEntry);
    }
}
