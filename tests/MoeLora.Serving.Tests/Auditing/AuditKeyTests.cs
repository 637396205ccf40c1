using System.Security.Cryptography;
using System.Text;
using MoeLora.Contracts;
using MoeLora.Serving.Auditing;

namespace MoeLora.Serving.Tests.Auditing;

public sealed class AuditKeyTests : IDisposable
{
    private readonly TrailFolder _folder = new();

    [Fact]
    public void Key_NoFile_IsMadeForItsOwnerOnlyAndUsedAgain()
    {
        string path = Path.Combine(_folder.Path, "audit.key");
        string first = AuditHasher.Hash(AuditKey.LoadOrCreate(path), new TextPrompt("Fieber seit drei Tagen"));
        Assert.Equal(first, AuditHasher.Hash(AuditKey.LoadOrCreate(path), new TextPrompt("Fieber seit drei Tagen")));
        if (!OperatingSystem.IsWindows())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void Key_ReadableByOthers_IsRefused()
    {
        if (OperatingSystem.IsWindows())
            return;
        string path = Path.Combine(_folder.Path, "audit.key");
        AuditKey.LoadOrCreate(path);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        Assert.Contains("chmod 600", Assert.Throws<AuditTrailException>(() => AuditKey.LoadOrCreate(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("abc")]
    [InlineData("zz23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    public void Key_FileHoldsSomethingElse_IsRefused(string content)
    {
        string path = Path.Combine(_folder.Path, "audit.key");
        AuditKey.LoadOrCreate(path);
        File.WriteAllText(path, content);
        Assert.Throws<AuditTrailException>(() => AuditKey.LoadOrCreate(path));
    }

    [Fact]
    public void Hash_IsTheDocumentedHmac()
    {
        (AuditKey key, byte[] secret) = Key();
        Assert.Equal(Hmac(secret, "体温 38 °C"u8), AuditHasher.Hash(key, new TextPrompt("体温 38 °C")));
        Assert.Equal(Hmac(secret, [1, 0, 0, 0, 0, 1, 0, 0]), AuditHasher.Hash(key, new TokenPrompt([1, 256])));
        Assert.Equal(
            Hmac(secret, "system\0Be brief.\0user\0Hello\0"u8),
            AuditHasher.Hash(key, new ChatPrompt([new ChatMessage(ChatRole.System, "Be brief."), new ChatMessage(ChatRole.User, "Hello")])));
    }

    [Fact]
    public void Hasher_TextInAnyPieces_GivesTheSame()
    {
        (AuditKey key, byte[] secret) = Key();
        string text = string.Concat(Enumerable.Range(0, 300).Select(i => i % 3 == 0 ? "🩺" : i % 3 == 1 ? "é" : "ab"));
        string expected = Hmac(secret, Encoding.UTF8.GetBytes(text));
        var random = new Random(1);
        using var hasher = new AuditHasher(key);
        for (int round = 0; round < 50; round++)
        {
            for (int at = 0; at < text.Length;)
            {
                int length = Math.Min(random.Next(1, 20), text.Length - at);
                hasher.Append(text.AsSpan(at, length));
                at += length;
            }

            Assert.Equal(expected, hasher.Finish());
        }
    }

    [Fact]
    public void Hasher_ManyIds_AreHashedWhole()
    {
        (AuditKey key, byte[] secret) = Key();
        int[] ids = [.. Enumerable.Range(0, 1000)];
        Assert.Equal(Hmac(secret, System.Runtime.InteropServices.MemoryMarshal.AsBytes(ids.AsSpan())), AuditHasher.Hash(key, new TokenPrompt(ids)));
    }

    public void Dispose() => _folder.Dispose();

    private static string Hmac(byte[] key, ReadOnlySpan<byte> data) => Convert.ToHexStringLower(HMACSHA256.HashData(key, data));

    private (AuditKey Key, byte[] Secret) Key()
    {
        string path = Path.Combine(_folder.Path, "audit.key");
        AuditKey key = AuditKey.LoadOrCreate(path);
        return (key, Convert.FromHexString(File.ReadAllText(path).Trim()));
    }
}
