using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection;
using MoeLora.Client.Chat;
using MoeLora.Contracts;

namespace MoeLora.Client;

/// <summary>Adds a client to an application's services.</summary>
public static class ClientRegistration
{
    /// <summary>
    /// Adds one <see cref="MoeLoraClient"/>, as <see cref="IModelGrid"/> too, and an <see cref="IChatClient"/> on it. It keeps its own connections, and makes new
    /// ones every two minutes, so that changes of the address's name are seen.
    /// </summary>
    /// <param name="services">The application's.</param>
    /// <param name="configure">Sets the address, the key and the task.</param>
    /// <param name="http">Makes the <see cref="HttpClient"/> instead, such as one with a client certificate; null for the usual one.</param>
    public static IServiceCollection AddMoeLoraClient(this IServiceCollection services, Action<MoeLoraClientOptions> configure, Func<IServiceProvider, HttpClient>? http = null)
    {
        var options = new MoeLoraClientOptions();
        configure(options);
        services.AddSingleton(provider => new MoeLoraClient(http?.Invoke(provider) ?? Usual(), options));
        services.AddSingleton<IModelGrid>(provider => provider.GetRequiredService<MoeLoraClient>());
        services.AddSingleton<IChatClient>(provider => new MoeLoraChatClient(provider.GetRequiredService<MoeLoraClient>(), options.Model));
        return services;
    }

    private static HttpClient Usual() =>
        new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(2), ConnectTimeout = TimeSpan.FromSeconds(10) }) { Timeout = Timeout.InfiniteTimeSpan };
}
