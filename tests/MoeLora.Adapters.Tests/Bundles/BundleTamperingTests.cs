using System.Text.Json.Nodes;
using MoeLora.Adapters.Bundles;

namespace MoeLora.Adapters.Tests.Bundles;

public sealed class BundleTamperingTests : IDisposable
{
    private readonly TestFolder _folder = new();
    private readonly string _bundle;

    public BundleTamperingTests()
    {
        _bundle = _folder.At("bundle");
        AdapterBundle.Write(_bundle, new AdapterFixture(AdapterKind.SharedGate).Read(), new AdapterName("n"), new AdapterVersion("1"), new string('a', 64));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_Untouched_IsFine()
    {
        Assert.Equal("n", AdapterBundle.Open(_bundle).Manifest.Name.ToString());
    }

    [Theory]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    public void Open_OneByteChanged_IsRefused(string file)
    {
        byte[] bytes = File.ReadAllBytes(At(file));
        bytes[^2] ^= 1;
        File.WriteAllBytes(At(file), bytes);

        Assert.Contains($"{file} has the SHA-256", Assert.Single(Problems()));
    }

    [Theory]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    public void Open_FileLonger_IsRefused(string file)
    {
        File.AppendAllText(At(file), " ");

        Assert.Contains($"{file} has ", Assert.Single(Problems()));
    }

    [Theory]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    [InlineData("manifest.json")]
    public void Open_FileMissing_IsRefused(string file)
    {
        File.Delete(At(file));

        Assert.Equal($"{file} is missing.", Assert.Single(Problems()));
    }

    [Theory]
    [InlineData("extra.py")]
    [InlineData(".hidden")]
    [InlineData("adapter_model.bin")]
    [InlineData("Manifest.json")]
    public void Open_FileTooMany_IsRefused(string file)
    {
        File.WriteAllText(At(file), "x");

        Assert.Equal($"'{file}' does not belong to a bundle.", Assert.Single(Problems()));
    }

    [Fact]
    public void Open_FolderInside_IsRefused()
    {
        Directory.CreateDirectory(At("more"));

        Assert.Equal("'more' does not belong to a bundle.", Assert.Single(Problems()));
    }

    [Fact]
    public void Open_LinkInsteadOfFile_IsRefused()
    {
        File.Move(At("adapter_model.safetensors"), _folder.At("elsewhere"));
        File.CreateSymbolicLink(At("adapter_model.safetensors"), _folder.At("elsewhere"));

        Assert.Equal("'adapter_model.safetensors' is no plain file.", Assert.Single(Problems()));
    }

    [Theory]
    [InlineData("name", "\"other\"", "content_hash")]
    [InlineData("version", "\"2\"", "content_hash")]
    [InlineData("base_model_hash", "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"", "content_hash")]
    [InlineData("tasks", "{\"1\": \"x\", \"2\": \"y\", \"3\": \"z\"}", "content_hash")]
    [InlineData("kind", "\"MMOELORA\"", "content_hash")]
    [InlineData("content_hash", "\"sha256:00\"", "content_hash")]
    [InlineData("format_version", "2", "checks.json is missing")]
    [InlineData("format_version", "3", "this program reads 1 and 2")]
    [InlineData("extra", "1", "the key extra is not known")]
    [InlineData("name", "\"../x\"", "name: ")]
    [InlineData("tasks", "{\"1\": \"x\", \"3\": \"z\"}", "Task ids must be 1 to 2")]
    [InlineData("tasks", "{\"1\": \"x\", \"01\": \"z\"}", "Task ids must be 1 to 2")]
    [InlineData("tasks", "{\"1\": \"x@\"}", "not a task id and its name")]
    [InlineData("files", "{}", "adapter_config.json is missing")]
    [InlineData("base_model_hash", "\"x\"", "not 64 lower-case hexadecimal digits")]
    public void Open_ManifestChanged_IsRefused(string key, string value, string part)
    {
        JsonObject manifest = Manifest();
        manifest[key] = JsonNode.Parse(value);
        File.WriteAllText(At("manifest.json"), manifest.ToJsonString());

        Assert.Contains(Problems(), p => p.Contains(part, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("../elsewhere")]
    [InlineData("/etc/passwd")]
    [InlineData("sub/file")]
    [InlineData("manifest.json")]
    public void Open_ManifestThatNamesAnotherPath_IsRefused(string path)
    {
        JsonObject manifest = Manifest();
        manifest["files"]![path] = manifest["files"]!["adapter_config.json"]!.DeepClone();
        File.WriteAllText(At("manifest.json"), manifest.ToJsonString());

        Assert.Contains($"'{path}' is no file of a bundle", Assert.Single(Problems()));
    }

    [Fact]
    public void Open_FileAndItsManifestEntryChanged_IsRefusedByTheContentHash()
    {
        File.AppendAllText(At("adapter_config.json"), " ");
        JsonObject manifest = Manifest();
        byte[] bytes = File.ReadAllBytes(At("adapter_config.json"));
        manifest["files"]!["adapter_config.json"] = new JsonObject
        {
            ["size"] = bytes.Length,
            ["sha256"] = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)),
        };
        File.WriteAllText(At("manifest.json"), manifest.ToJsonString());

        Assert.Contains("content_hash", Assert.Single(Problems()));
    }

    [Fact]
    public void Open_SeveralFilesChanged_ListsThemAll()
    {
        File.AppendAllText(At("adapter_config.json"), " ");
        File.AppendAllText(At("adapter_model.safetensors"), " ");

        Assert.Equal(2, Problems().Count);
    }

    private string At(string file) => Path.Combine(_bundle, file);

    private JsonObject Manifest() => JsonNode.Parse(File.ReadAllText(At("manifest.json")))!.AsObject();

    private IReadOnlyList<string> Problems() => Assert.Throws<AdapterException>(() => AdapterBundle.Open(_bundle)).Problems;
}
