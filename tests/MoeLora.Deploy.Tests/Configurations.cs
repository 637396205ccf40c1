using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MoeLora.Cli.Nodes;
using MoeLora.Serving.Tests;
using MoeLora.Silo;
using MoeLora.Tensors;

namespace MoeLora.Deploy.Tests;

/// <summary>Gives configurations that are written for containers to the program's own reader: their paths become those of a directory that has what the containers have.</summary>
internal sealed class Configurations : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public Configurations()
    {
        // Pools with GPUs run another image, whose program has this kind.
        DeviceKinds.Add("cuda", _ => throw new IOException("Nothing computes here."));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=silo", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        foreach (string kind in (string[])["cluster-tls", "public-tls", "public-clients", "admin-tls"])
        {
            Write($"run/moelora/{kind}/tls.crt", certificate.ExportCertificatePem());
            Write($"run/moelora/{kind}/tls.key", key.ExportPkcs8PrivateKeyPem());
            Write($"run/moelora/{kind}/ca.crt", certificate.ExportCertificatePem());
        }

        foreach (string database in (string[])["database", "tenants"])
            Write($"run/moelora/{database}/connection", "Host=db;Database=grid;Username=grid;Password=a;SSL Mode=VerifyFull\n");
        Write("run/moelora/redis/connection", "redis:6379,password=a,ssl=true\n");
    }

    /// <summary>Puts a file at a place where a container would have it.</summary>
    public void Write(string path, string content)
    {
        string file = _directory[path];
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
    }

    /// <summary>Every problem that the program would tell before it starts.</summary>
    public IReadOnlyList<string> FindProblems(string yaml, IReadOnlyDictionary<string, string> environment)
    {
        foreach ((string name, string value) in environment)
            Environment.SetEnvironmentVariable(name, value);
        try
        {
            foreach (object? model in YamlTree.Map(yaml).List("bases"))
                Link(model.Text("model")!);
            string local = yaml;
            foreach (string place in (string[])["/run/", "/models/", "/var/lib/moelora"])
                local = local.Replace(place, _directory[place[1..]] + (place.EndsWith('/') ? "/" : ""), StringComparison.Ordinal);
            Write("silo.yaml", local);
            SiloSettings settings = NodeFile.Read<SiloSettings>(_directory["silo.yaml"]);
            string[] problems = [.. settings.FindProblems()];
            _ = settings.ToGateway();
            return problems.Length > 0 ? problems : [.. settings.ToNode().FindProblems()];
        }
        finally
        {
            foreach (string name in environment.Keys)
                Environment.SetEnvironmentVariable(name, null);
        }
    }

    public void Dispose() => _directory.Dispose();

    private void Link(string model)
    {
        string place = _directory[model[1..]];
        Directory.CreateDirectory(Path.GetDirectoryName(place)!);
        if (!Directory.Exists(place))
            Directory.CreateSymbolicLink(place, Repository.At("deploy", "demo", "files", "base"));
    }
}
