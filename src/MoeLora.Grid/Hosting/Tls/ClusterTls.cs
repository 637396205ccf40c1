using System.IO.Pipelines;
using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace MoeLora.Grid.Hosting.Tls;

/// <summary>Puts TLS under the connections of silos and clients. <see cref="SslStream"/> does the work; here it only gets between a connection and its pipes.</summary>
public static class ClusterTls
{
    private static readonly TimeSpan HandshakeTimeout = TimeSpan.FromSeconds(10);

    /// <summary>All connections of a silo: to other silos, from them, and from clients.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="options">Options without problems.</param>
    public static ISiloBuilder UseMoeLoraTls(this ISiloBuilder silo, ClusterTlsOptions options)
    {
        silo.Services.AddSingleton(services => new Ends(new ClusterCertificate(options, services.GetRequiredService<ILogger<ClusterCertificate>>())));
        silo.Services.AddOptions<SiloConnectionOptions>().Configure<Ends>((connections, ends) =>
        {
            connections.ConfigureSiloInboundConnection(builder => builder.Use(ends.Server));
            connections.ConfigureGatewayInboundConnection(builder => builder.Use(ends.Server));
            connections.ConfigureSiloOutboundConnection(builder => builder.Use(ends.Client));
        });
        return silo;
    }

    /// <summary>A client's connections to silos.</summary>
    /// <param name="client">The client.</param>
    /// <param name="options">Options without problems.</param>
    public static IClientBuilder UseMoeLoraTls(this IClientBuilder client, ClusterTlsOptions options)
    {
        client.Services.AddSingleton(services => new Ends(new ClusterCertificate(options, services.GetRequiredService<ILogger<ClusterCertificate>>())));
        client.Services.AddOptions<ClientConnectionOptions>().Configure<Ends>((connections, ends) => connections.ConfigureConnection(builder => builder.Use(ends.Client)));
        return client;
    }

    private sealed class Ends(ClusterCertificate certificate)
    {
        public ConnectionDelegate Server(ConnectionDelegate next) => connection => RunAsync(connection, next, (ssl, cancellation) => ssl.AuthenticateAsServerAsync(certificate.Now().Server, cancellation));

        public ConnectionDelegate Client(ConnectionDelegate next) => connection => RunAsync(connection, next, (ssl, cancellation) => ssl.AuthenticateAsClientAsync(certificate.Now().Client, cancellation));

        private static async Task RunAsync(ConnectionContext connection, ConnectionDelegate next, Func<SslStream, CancellationToken, Task> authenticate)
        {
            IDuplexPipe plain = connection.Transport;
            await using var ssl = new SslStream(new DuplexStream(plain.Input.AsStream(leaveOpen: true), plain.Output.AsStream(leaveOpen: true)));
            using (var patience = new CancellationTokenSource(HandshakeTimeout))
            {
                try
                {
                    await authenticate(ssl, patience.Token);
                }
                catch (Exception e) when (e is AuthenticationException or IOException or OperationCanceledException)
                {
                    connection.Abort(new ConnectionAbortedException("The other side has no certificate of this cluster's authority, or does not speak TLS.", e));
                    return;
                }
            }

            var secured = new Pipes(PipeReader.Create(ssl, new StreamPipeReaderOptions(leaveOpen: true)), PipeWriter.Create(ssl, new StreamPipeWriterOptions(leaveOpen: true)));
            connection.Transport = secured;
            try
            {
                await next(connection);
            }
            finally
            {
                connection.Transport = plain;
                await secured.Input.CompleteAsync();
                try
                {
                    await secured.Output.CompleteAsync();
                }
                catch (Exception e) when (e is IOException or InvalidOperationException or ObjectDisposedException)
                {
                    // What is left cannot be sent: the connection is gone.
                }
            }
        }
    }

    private sealed record Pipes(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
