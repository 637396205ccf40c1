using System.CommandLine;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MoeLora.Cli.Options;

namespace MoeLora.Cli.Administration;

/// <summary>Which node a command is for, and as whom.</summary>
internal sealed class AdminOptions
{
    /// <summary>The environment variable that holds the key.</summary>
    public const string KeyVariable = "MOELORA_KEY";

    private readonly Option<string> _node = new("--node")
    {
        Description = "The node's administration address.",
        HelpName = "URL",
        DefaultValueFactory = _ => "http://127.0.0.1:8081",
    };

    // A key on the command line would be seen by every user of the machine.
    private readonly Option<string?> _keyFile = new("--key-file") { Description = $"File with the API key; the environment variable {KeyVariable} otherwise.", HelpName = "FILE" };

    private readonly NumberOption _wait = new("--wait", "Waits so many seconds for the node to be ready.", 1, 86_400);
    private readonly Option<string?> _authority = new("--ca") { Description = "Certificates in PEM of the only authorities that may vouch for the node; the machine's otherwise.", HelpName = "FILE" };
    private readonly Option<string?> _certificate = new("--client-cert") { Description = "Our certificate in PEM, for an administration address with mutual TLS.", HelpName = "FILE" };
    private readonly Option<string?> _certificateKey = new("--client-key") { Description = "Its private key in PEM; where the certificate's file holds it, left out.", HelpName = "FILE" };
    private readonly Option<bool> _insecureHttp = new("--insecure-http") { Description = "Sends the key unencrypted to another machine." };

    public void AddTo(Command command)
    {
        command.Add(_node);
        command.Add(_keyFile);
        command.Add(_wait);
        command.Add(_authority);
        command.Add(_certificate);
        command.Add(_certificateKey);
        command.Add(_insecureHttp);
    }

    public IEnumerable<string> FindProblems(ParseResult parsed)
    {
        if (parsed.GetValue(_keyFile) is { } file && !File.Exists(file))
            yield return $"--key-file: there is no file '{file}'.";
        else if (parsed.GetValue(_keyFile) is null && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(KeyVariable)))
            yield return $"Give an API key: --key-file FILE, or the environment variable {KeyVariable}.";
        if (!Uri.TryCreate(parsed.GetRequiredValue(_node), UriKind.Absolute, out Uri? node) || node.Scheme is not ("http" or "https"))
            yield return $"--node: '{parsed.GetRequiredValue(_node)}' is not an address such as http://127.0.0.1:8081.";
        else if (node.Scheme == "http" && !node.IsLoopback && !parsed.GetValue(_insecureHttp))
            yield return $"--node: '{parsed.GetRequiredValue(_node)}' would send the key unencrypted to another machine; use https, or say --insecure-http.";
        foreach (Option<string?> option in (Option<string?>[])[_authority, _certificate, _certificateKey])
        {
            if (parsed.GetValue(option) is { } path && !File.Exists(path))
                yield return $"{option.Name}: there is no file '{path}'.";
        }

        if (parsed.GetValue(_certificateKey) is not null && parsed.GetValue(_certificate) is null)
            yield return "--client-key belongs to --client-cert.";
    }

    /// <summary>A client of the node; after <c>--wait</c> only when it is ready.</summary>
    /// <exception cref="CommandException">A certificate cannot be used, or the node did not get ready.</exception>
    public async Task<AdminClient> ConnectAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var client = new AdminClient(
            new Uri(parsed.GetRequiredValue(_node)),
            (parsed.GetValue(_keyFile) is { } file ? await File.ReadAllTextAsync(file, cancellation) : Environment.GetEnvironmentVariable(KeyVariable)!).Trim(),
            Tls(parsed));
        try
        {
            if (parsed.GetValue(_wait) is > 0 and int seconds)
                await client.WaitAsync(TimeSpan.FromSeconds(seconds), cancellation);
            return client;
        }
        catch
        {
            client.Dispose();
            throw;
        }
    }

    private SslClientAuthenticationOptions Tls(ParseResult parsed)
    {
        var tls = new SslClientAuthenticationOptions();
        if (parsed.GetValue(_authority) is { } authority)
        {
            tls.CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            Use(authority, () => tls.CertificateChainPolicy.CustomTrustStore.ImportFromPemFile(authority));
            if (tls.CertificateChainPolicy.CustomTrustStore.Count == 0)
                throw new CommandException($"{authority}: it holds no certificate in PEM.");
        }

        if (parsed.GetValue(_certificate) is { } certificate)
            Use(certificate, () => tls.ClientCertificates = [X509Certificate2.CreateFromPemFile(certificate, parsed.GetValue(_certificateKey))]);
        return tls;
    }

    private static void Use(string file, Action read)
    {
        try
        {
            read();
        }
        catch (CryptographicException e)
        {
            throw new CommandException($"{file}: it cannot be used: {e.Message}");
        }
    }
}
