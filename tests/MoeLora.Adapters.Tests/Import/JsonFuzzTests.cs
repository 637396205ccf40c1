using System.Text;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Import;

namespace MoeLora.Adapters.Tests.Import;

/// <summary>Whatever a damaged config or manifest holds, reading it ends in an answer or in problems, never in an exception.</summary>
public sealed class JsonFuzzTests
{
    private const int Rounds = 400;

    private static readonly string[] Pieces =
        ["null", "true", "-1", "1e999", "99999999999", "\"\"", "\"\\ud800\"", "{}", "[]", "[[[]]]", "{\"a\": 1}", "\"MMOELORAS\"", ",", "\"r\": 1,", "\0", "é"];

    [Theory]
    [InlineData(AdapterKind.SharedGate)]
    [InlineData(AdapterKind.Lora)]
    public void ConfigReader_MutatedBytes_NeverThrows(AdapterKind kind)
    {
        using var folder = new TestFolder();
        byte[] config = Encoding.UTF8.GetBytes(new AdapterFixture(kind).Config.ToJsonString());

        int accepted = Run(folder, config, (path, problems) => AdapterConfigReader.Read(path, problems) is not null);

        Assert.InRange(accepted, 1, Rounds - 1);
    }

    [Fact]
    public void ManifestReader_MutatedBytes_NeverThrowsAndNeverAcceptsAChange()
    {
        using var folder = new TestFolder();
        AdapterBundle bundle = AdapterBundle.Write(folder.At("bundle"), new AdapterFixture(AdapterKind.SharedGate).Read(), new AdapterName("n"), new AdapterVersion("1"), new string('a', 64));
        byte[] manifest = File.ReadAllBytes(Path.Combine(bundle.Directory, "manifest.json"));

        // Sizes are not part of the content hash: they are compared with the files instead.
        Run(folder, manifest, (path, problems) => ManifestFile.Read(path, problems) is { } read && (read.ContentHash == bundle.Hash ? true : throw new InvalidOperationException("A changed manifest was accepted.")));
    }

    [Fact]
    public void ChecksReader_MutatedBytes_NeverThrows()
    {
        using var folder = new TestFolder();
        ChecksFile.Write(folder.At("checks.json"), [new BundleCheck(1, [5, 6], [new TokenLogit(3, 1.5f), new TokenLogit(4, -2)], 1.6, [3, 9])]);

        int accepted = Run(folder, File.ReadAllBytes(folder.At("checks.json")), (path, problems) => ChecksFile.Read(path, 1, problems) is not null);

        Assert.InRange(accepted, 1, Rounds - 1);
    }

    private static int Run(TestFolder folder, byte[] valid, Func<string, List<string>, bool> read)
    {
        var random = new Random(20240611);
        string path = folder.At("fuzz.json");
        int accepted = 0;
        for (int round = 0; round < Rounds; round++)
        {
            File.WriteAllBytes(path, Mutate(valid, random));
            var problems = new List<string>();
            bool valued = read(path, problems);
            Assert.Equal(valued, problems.Count == 0);
            accepted += valued ? 1 : 0;
        }

        return accepted;
    }

    private static byte[] Mutate(byte[] valid, Random random)
    {
        var bytes = new List<byte>(valid);
        for (int changes = random.Next(1, 4); changes > 0; changes--)
        {
            int at = random.Next(bytes.Count);
            int length = Math.Min(random.Next(1, 12), bytes.Count - at);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, length);
                    break;
                case 2:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Pieces[random.Next(Pieces.Length)]));
                    break;
                default:
                    ReplaceValue(bytes, random);
                    break;
            }

            if (bytes.Count == 0)
                break;
        }

        return [.. bytes];
    }

    // Keeps the JSON valid more often than blind bytes do: what stands between a colon and the next comma becomes another value.
    private static void ReplaceValue(List<byte> bytes, Random random)
    {
        int colon = bytes.IndexOf((byte)':', random.Next(bytes.Count));
        int comma = colon < 0 ? -1 : bytes.IndexOf((byte)',', colon);
        if (comma < 0)
            return;
        bytes.RemoveRange(colon + 1, comma - colon - 1);
        bytes.InsertRange(colon + 1, Encoding.UTF8.GetBytes(Pieces[random.Next(Pieces.Length)]));
    }
}
