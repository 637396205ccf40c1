using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Contracts;
using MoeLora.Serving.Registry;

namespace MoeLora.Serving.Tests.Registry;

public sealed class BundleStoreTests : IDisposable
{
    private static readonly BundleLimits Small = new() { ArchiveBytes = 1 << 20, WeightBytes = 1 << 20, TextBytes = 1 << 20 };

    private readonly TemporaryDirectory _directory = new();
    private readonly TestBundle _bundle = TestBundle.Make("clinic", "1");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Keep_WholeBundle_IsThereUnderItsHash()
    {
        using BundleStore store = Open();
        using IncomingBundle incoming = await ReceiveAsync(store, _bundle.Zip());
        Assert.Throws<AdapterException>(() => store.OpenBundle(_bundle.Hash));

        incoming.Keep();

        AdapterBundle stored = store.OpenBundle(_bundle.Hash);
        Assert.Equal(_bundle.Hash, stored.Hash);
        Assert.Equal(_directory["sha256-" + _bundle.Hash.ToString()[7..]], stored.Directory);
        Assert.All(_bundle.Files, file => Assert.Equal(file.Value, File.ReadAllBytes(Path.Combine(stored.Directory, file.Key))));
    }

    [Fact]
    public async Task Dispose_NotKept_LeavesNothing()
    {
        using BundleStore store = Open();

        (await ReceiveAsync(store, _bundle.Zip())).Dispose();

        AssertNothingIncoming();
        Assert.Throws<AdapterException>(() => store.OpenBundle(_bundle.Hash));
    }

    [Fact]
    public async Task Keep_BundleThatIsThere_ChangesNothing()
    {
        using BundleStore store = Open();
        await KeepAsync(store);
        DateTime written = File.GetLastWriteTimeUtc(Path.Combine(store.OpenBundle(_bundle.Hash).Directory, "adapter_model.safetensors"));

        await KeepAsync(store);

        Assert.Equal(written, File.GetLastWriteTimeUtc(Path.Combine(store.OpenBundle(_bundle.Hash).Directory, "adapter_model.safetensors")));
        AssertNothingIncoming();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Keep_BundleThatIsDamaged_ReplacesIt(bool missing)
    {
        using BundleStore store = Open();
        await KeepAsync(store);
        string weights = Path.Combine(store.OpenBundle(_bundle.Hash).Directory, "adapter_model.safetensors");
        if (missing)
            File.Delete(weights);
        else
            File.WriteAllBytes(weights, new byte[256]);
        Assert.Throws<AdapterException>(() => store.OpenBundle(_bundle.Hash));

        await KeepAsync(store);

        Assert.Equal(_bundle.Hash, store.OpenBundle(_bundle.Hash).Hash);
    }

    [Fact]
    public void OpenBundle_AnotherBundleInItsPlace_IsRefused()
    {
        using BundleStore store = Open();
        string place = _directory["sha256-" + new string('0', 64)];
        Directory.CreateDirectory(place);
        foreach ((string name, byte[] content) in _bundle.Files)
            File.WriteAllBytes(Path.Combine(place, name), content);

        AdapterException e = Assert.Throws<AdapterException>(() => store.OpenBundle(BundleHash.Parse("sha256:" + new string('0', 64))));

        Assert.Contains("in its place", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Open_AfterACrash_RemovesWhatWasOnItsWay()
    {
        using (BundleStore store = Open())
            _ = await ReceiveAsync(store, _bundle.Zip()); // neither kept nor disposed
        File.WriteAllBytes(Path.Combine(_directory["incoming"], "half.zip"), [1, 2, 3]);

        using (Open())
            AssertNothingIncoming();
    }

    [Fact]
    public void Open_SecondNode_IsRefused()
    {
        using BundleStore store = Open();

        InvalidOperationException e = Assert.Throws<InvalidOperationException>(() => Open());

        Assert.Contains("another node", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pack_StoredBundle_GivesItBackInTheSameBytes()
    {
        using BundleStore store = Open();
        await KeepAsync(store);
        using var first = new MemoryStream();
        using var second = new MemoryStream();

        await BundleArchive.PackAsync(store.OpenBundle(_bundle.Hash), first);
        await BundleArchive.PackAsync(store.OpenBundle(_bundle.Hash), second);

        Assert.Equal(first.ToArray(), second.ToArray());
        using IncomingBundle incoming = await ReceiveAsync(store, first.ToArray());
        Assert.Equal(_bundle.Hash, incoming.Manifest.ContentHash);
    }

    [Theory]
    [InlineData("../manifest.json")]
    [InlineData("/manifest.json")]
    [InlineData("..\\manifest.json")]
    [InlineData("C:\\manifest.json")]
    [InlineData("./manifest.json")]
    [InlineData("bundle/manifest.json")]
    [InlineData("bundle/")]
    [InlineData("MANIFEST.JSON")]
    [InlineData("manifest.json ")]
    [InlineData("readme.txt")]
    [InlineData("manifest.json\0.txt")]
    public async Task Receive_EntryThatIsNoFileOfABundle_IsRefused(string name)
    {
        GridError error = await RefusalAsync(TestBundle.Zip([.. _bundle.Files.Select(file => (file.Key, file.Value)), (name, "x"u8.ToArray())]));

        Assert.Equal(GridErrorKind.InvalidRequest, error.Kind);
        Assert.Contains("does not belong to a bundle", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_directory.Path, error.Message, StringComparison.Ordinal);
        Assert.Equal([".lock", "incoming"], Directory.EnumerateFileSystemEntries(_directory.Path).Select(Path.GetFileName).Order());
        Assert.False(File.Exists(Path.Combine(_directory.Path, "..", "manifest.json")));
    }

    [Fact]
    public async Task Receive_FileTwice_IsRefused()
    {
        GridError error = await RefusalAsync(TestBundle.Zip([.. _bundle.Files.Select(file => (file.Key, file.Value)), ("manifest.json", _bundle.Files["manifest.json"])]));

        Assert.Contains("twice", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0xA000)] // a symbolic link
    [InlineData(0x4000)] // a directory
    [InlineData(0x2000)] // a device
    public async Task Receive_NoPlainFile_IsRefused(int type)
    {
        GridError error = await RefusalAsync(TestBundle.Zip(_bundle.Files.Select(file => (file.Key, file.Value)), entry => entry.ExternalAttributes = type << 16));

        Assert.Contains("no plain file", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Receive_PlainFilesWithUnixModes_AreTaken()
    {
        using BundleStore store = Open();

        using IncomingBundle incoming = await ReceiveAsync(store, TestBundle.Zip(_bundle.Files.Select(file => (file.Key, file.Value)), entry => entry.ExternalAttributes = 0x81A4 << 16));

        Assert.Equal(_bundle.Hash, incoming.Manifest.ContentHash);
    }

    [Theory]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    [InlineData("manifest.json")]
    public async Task Receive_FileMissing_IsRefusedByName(string name)
    {
        GridError error = await RefusalAsync(TestBundle.Zip(_bundle.Files.Where(file => file.Key != name).Select(file => (file.Key, file.Value))));

        Assert.Contains($"{name} is missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Receive_WeightsOfAnotherBundle_IsRefused()
    {
        _bundle.Files["adapter_model.safetensors"] = TestBundle.Make("clinic", "2").Files["adapter_model.safetensors"];

        GridError error = await RefusalAsync(_bundle.Zip());

        Assert.Contains("changed or damaged", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Receive_ManifestWithAnotherContentHash_IsRefused()
    {
        _bundle.Files["manifest.json"] = TestBundle.Json(_bundle.Manifest, "sha256:" + new string('0', 64));

        GridError error = await RefusalAsync(_bundle.Zip());

        Assert.Contains("content_hash", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Receive_LongArchive_IsTooLarge()
    {
        GridError error = await RefusalAsync(_bundle.Zip(), Small with { ArchiveBytes = _bundle.Zip().Length - 1 });

        Assert.Equal(GridErrorKind.TooLarge, error.Kind);
    }

    [Theory]
    [InlineData("adapter_model.safetensors")]
    [InlineData("adapter_config.json")]
    public async Task Receive_LongFile_IsTooLarge(string name)
    {
        BundleLimits limits = name == "adapter_config.json" ? Small with { TextBytes = 1 } : Small with { WeightBytes = 255 };

        GridError error = await RefusalAsync(_bundle.Zip(), limits);

        Assert.Equal(GridErrorKind.TooLarge, error.Kind);
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Receive_FileThatUnpacksToManyTimesItsSize_IsTooLarge()
    {
        _bundle.Files["adapter_model.safetensors"] = new byte[8 << 20]; // deflate makes about a thousandth of zeros

        GridError error = await RefusalAsync(_bundle.Zip(), new BundleLimits());

        Assert.Equal(GridErrorKind.TooLarge, error.Kind);
        Assert.Contains("100 times its size", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Receive_ArchiveWithHundredsOfEntries_IsRefusedBeforeTheyAreRead()
    {
        byte[] archive = TestBundle.Zip(Enumerable.Range(0, 2000).Select(i => ($"file-{i}-{new string('x', 40)}", Array.Empty<byte>())));

        GridError error = await RefusalAsync(archive);

        Assert.Contains("directory is larger", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Receive_SomethingBehindTheArchive_IsRefused()
    {
        GridError error = await RefusalAsync([.. _bundle.Zip(), 0]);

        Assert.Contains("no ZIP archive", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Receive_AnArchiveWithAnyByteChanged_IsTheBundleOrRefused()
    {
        using BundleStore store = Open();
        byte[] archive = _bundle.Zip();
        var random = new Random(5);
        for (int i = 0; i < 150; i++)
        {
            byte[] changed = [.. archive];
            for (int n = random.Next(1, 4); n > 0; n--)
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
            if (random.Next(4) == 0)
                changed = changed[..random.Next(changed.Length)];

            GridResult<IncomingBundle> result = await store.ReceiveAsync(new ForwardOnlyStream(changed), CancellationToken.None);

            if (result.TryGet(out IncomingBundle? incoming, out GridError? error))
            {
                Assert.Equal(_bundle.Hash, incoming.Manifest.ContentHash);
                incoming.Dispose();
            }
            else
            {
                Assert.Contains(error.Kind, new[] { GridErrorKind.InvalidRequest, GridErrorKind.TooLarge });
            }
        }

        AssertNothingIncoming();
    }

    [Fact]
    public async Task Receive_Cancelled_LeavesNothing()
    {
        using BundleStore store = Open();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => store.ReceiveAsync(_bundle.Upload(), new CancellationToken(canceled: true)));

        AssertNothingIncoming();
    }

    [Theory]
    [InlineData(0)] // too full already
    [InlineData(1)] // while it is unpacked
    public async Task Receive_WhereTheDiskWouldBeTooFull_IsRefusedAndLeavesNothing(int looksWithRoom)
    {
        const long Least = 1L << 30;
        int looks = 0;
        using BundleStore store = BundleStore.Open(_directory.Path, Small, Least, () => looks++ < looksWithRoom ? 2 * Least : Least);

        GridResult<IncomingBundle> result = await store.ReceiveAsync(_bundle.Upload(), CancellationToken.None);

        Assert.False(result.TryGet(out _, out GridError? error));
        Assert.Equal(GridErrorKind.Unavailable, error.Kind);
        Assert.Contains("too full", error.Message, StringComparison.Ordinal);
        AssertNothingIncoming();
    }

    private BundleStore Open(BundleLimits? limits = null) => BundleStore.Open(_directory.Path, limits ?? Small);

    private async Task KeepAsync(BundleStore store)
    {
        using IncomingBundle incoming = await ReceiveAsync(store, _bundle.Zip());
        incoming.Keep();
    }

    private static async Task<IncomingBundle> ReceiveAsync(BundleStore store, byte[] archive)
    {
        GridResult<IncomingBundle> result = await store.ReceiveAsync(new ForwardOnlyStream(archive), CancellationToken.None);
        Assert.True(result.TryGet(out IncomingBundle? incoming, out GridError? error), error?.Message);
        return incoming;
    }

    private async Task<GridError> RefusalAsync(byte[] archive, BundleLimits? limits = null)
    {
        using BundleStore store = Open(limits);
        GridResult<IncomingBundle> result = await store.ReceiveAsync(new ForwardOnlyStream(archive), CancellationToken.None);
        Assert.False(result.TryGet(out _, out GridError? error));
        AssertNothingIncoming();
        return error!;
    }

    private void AssertNothingIncoming() => Assert.Empty(Directory.EnumerateFileSystemEntries(_directory["incoming"]));
}
