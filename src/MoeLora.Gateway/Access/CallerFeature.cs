using Microsoft.AspNetCore.Http;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Access;

/// <summary>Who a request comes from, once access control has proven it.</summary>
internal static class CallerFeature
{
    public static void SetCaller(this HttpContext context, Caller caller) => context.Features.Set(caller);

    public static Caller Caller(this HttpContext context) =>
        context.Features.Get<Caller>() ?? throw new InvalidOperationException("Nobody was proven to call this route.");
}
