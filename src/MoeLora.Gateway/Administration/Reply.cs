using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using MoeLora.Contracts;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Http;

namespace MoeLora.Gateway.Administration;

/// <summary>Answers administration's calls.</summary>
internal static class Reply
{
    /// <summary>A part of the route's address.</summary>
    public static string Route(this HttpContext context, string name) => (string)context.Request.RouteValues[name]!;

    public static Task WriteAsync<T>(HttpContext context, GridResult<T> result, JsonTypeInfo<T> type)
        where T : class =>
        result.TryGet(out T? value, out GridError? error)
            ? Answer.WriteAsync(context, StatusCodes.Status200OK, value, type)
            : Answer.WriteAsync(context, ApiError.From(error));

    public static Task WriteListAsync<T>(HttpContext context, GridResult<IReadOnlyList<T>> result, JsonTypeInfo<DataList<T>> type) =>
        result.TryGet(out IReadOnlyList<T>? values, out GridError? error)
            ? Answer.WriteAsync(context, StatusCodes.Status200OK, new DataList<T>(values), type)
            : Answer.WriteAsync(context, ApiError.From(error));
}
