using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;
using MoeLora.Contracts.Tenants;
using MoeLora.Gateway.Access;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Catalog;

/// <summary>What can be named as <c>model</c>: of it, what the caller's tenant may ask.</summary>
internal sealed class CatalogEndpoints(GatewayParts parts)
{
    public async Task ListAsync(HttpContext context)
    {
        GridResult<IReadOnlyList<ModelDescription>> result = await parts.Grid.ListModelsAsync(context.RequestAborted);
        if (!result.TryGet(out IReadOnlyList<ModelDescription>? models, out GridError? error)
            || !(await LimitsAsync(context)).TryGet(out TenantLimits? limits, out error))
            await Answer.WriteAsync(context, ApiError.From(error));
        else
            await Answer.WriteAsync(context, StatusCodes.Status200OK, new ModelList([.. models.Where(model => limits.Allows(model.Bank, model.TaskName ?? model.Id)).Select(ModelEntry.From)]), GatewayJson.Readable.ModelList);
    }

    public async Task FindAsync(HttpContext context)
    {
        if (!ModelRef.TryParse(context.Request.RouteValues["id"] as string, out ModelRef reference, out string? problem))
        {
            await Answer.WriteAsync(context, ApiError.Caller(StatusCodes.Status404NotFound, "model_not_found", $"A model's name {problem}.", "model"));
            return;
        }

        if (!(await LimitsAsync(context)).TryGet(out TenantLimits? limits, out GridError? error))
        {
            await Answer.WriteAsync(context, ApiError.From(error));
            return;
        }

        GridResult<ModelDescription> result = await parts.Grid.FindModelAsync(reference, context.RequestAborted);
        if (!result.TryGet(out ModelDescription? model, out error))
        {
            // The grid's message names what there is, also what this tenant may not ask.
            await Answer.WriteAsync(context, ApiError.From(error.Kind == GridErrorKind.ModelNotFound && limits.AllowedTasks is not null
                ? error with { Message = "There is no such model. GET /v1/models names those that the tenant may ask." }
                : error));
        }
        else if (!limits.Allows(model.Bank, model.TaskName ?? model.Id))
            await Answer.WriteAsync(context, ApiError.From(new GridError(GridErrorKind.Forbidden, "The tenant may not ask this task.", "model")));
        else
            await Answer.WriteAsync(context, StatusCodes.Status200OK, ModelEntry.From(model), GatewayJson.Readable.ModelEntry);
    }

    private async ValueTask<GridResult<TenantLimits>> LimitsAsync(HttpContext context)
    {
        TenantId tenant = context.Caller().Tenant;
        if (parts.Tenants is not { } tenants || tenant == TenantId.Local)
            return GridResult<TenantLimits>.Success(TenantLimits.None);
        return (await tenants.FindTenantAsync(tenant, context.RequestAborted)).TryGet(out Tenant? found, out GridError? error)
            ? GridResult<TenantLimits>.Success(found.Limits)
            : error;
    }
}
