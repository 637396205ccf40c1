using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Import;
using MoeLora.Adapters.Tests.Import;
using MoeLora.Adapters.Tests.Packs;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Adapters.Tests.Bundles;

public sealed class AdapterBundleTests
{
    private static readonly AdapterName Name = new("promptcblue");
    private static readonly AdapterVersion Version = new("1.2.0");
    private static readonly string BaseHash = new('a', 64);

    [Theory]
    [MemberData(nameof(Pack.All), MemberType = typeof(Pack))]
    public void Write_ImportedPack_ReadsBackBitEqual(string packName)
    {
        using var pack = new Pack(packName);
        using var folder = new TestFolder();
        Adapter imported = pack.ReadAdapter();
        string hash = BaseModelHash.Hash(pack.Path);

        AdapterBundle bundle = AdapterBundle.Write(folder.At("bundle"), imported, Name, Version, hash);
        Adapter read = AdapterReader.Open(folder.At("bundle"), pack.Model.LinearModules, baseModelHash: hash);

        AdapterReaderTests.AssertSame(imported, read);
        Assert.Equal(bundle.Hash, read.Manifest!.ContentHash);
        Assert.Equal((Name, Version, hash), (read.Manifest.Name, read.Manifest.Version, read.Manifest.BaseModelHash));
        Assert.Null(imported.Manifest);
    }

    [Theory]
    [InlineData(AdapterKind.SharedGate)]
    [InlineData(AdapterKind.GatePerModule)]
    [InlineData(AdapterKind.Lora)]
    public void Write_EveryKind_ReadsBackBitEqual(AdapterKind kind)
    {
        using var folder = new TestFolder();
        var fixture = new AdapterFixture(kind);
        fixture.Config["lora_alpha"] = 2.5;
        if (kind == AdapterKind.Lora)
            fixture.Config["use_rslora"] = true;
        else
            fixture.Config["moelora_top_k"] = 1;
        Adapter adapter = fixture.Read();

        AdapterBundle.Write(folder.At("bundle"), adapter, Name, Version, BaseHash);

        AdapterReaderTests.AssertSame(adapter, AdapterReader.Open(folder.At("bundle"), AdapterFixture.Modules));
    }

    [Fact]
    public void Write_BundleOfABundle_HasTheSameFiles()
    {
        using var folder = new TestFolder();
        AdapterBundle first = Write(folder, "first");
        AdapterBundle second = AdapterBundle.Write(folder.At("second"), AdapterReader.Open(folder.At("first"), AdapterFixture.Modules), Name, Version, BaseHash);

        Assert.Equal(first.Hash, second.Hash);
        foreach (string file in Directory.EnumerateFiles(first.Directory))
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(second.Directory, Path.GetFileName(file))));
    }

    [Fact]
    public void Write_TaskNames_AreKept()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.At("names.json"), """{"str2id": {"CMeEE-V2": 1, "问诊": 2, "x": 3}}""");
        Adapter adapter = new AdapterFixture(AdapterKind.SharedGate).Read(folder.At("names.json"));

        AdapterBundle.Write(folder.At("bundle"), adapter, Name, Version, BaseHash);

        Assert.Equal(adapter.Tasks, AdapterReader.Open(folder.At("bundle"), AdapterFixture.Modules).Tasks);
        Assert.Contains("\"2\": \"问诊\"", File.ReadAllText(Path.Combine(folder.At("bundle"), "manifest.json")));
    }

    [Fact]
    public void Write_WhereSomethingIs_IsRefusedAndLeavesIt()
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder.At("bundle"));

        var e = Assert.Throws<AdapterException>(() => Write(folder, "bundle"));

        Assert.Contains("nothing is ever overwritten", Assert.Single(e.Problems));
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.At("bundle")));
        Assert.Equal(["bundle"], Directory.EnumerateFileSystemEntries(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void ContentHash_EveryField_ChangesIt()
    {
        BundleManifest manifest = new(Name, Version, AdapterKind.SharedGate, BaseHash, [new AdapterTask(1, new TaskName("a")), new AdapterTask(2, new TaskName("b"))], [new BundleFile("f", 1, new string('0', 64)), new BundleFile("g", 1, new string('1', 64))]);
        BundleManifest[] others =
        [
            manifest with { Name = new AdapterName("other") },
            manifest with { Version = new AdapterVersion("1.2.1") },
            manifest with { Kind = AdapterKind.GatePerModule },
            manifest with { BaseModelHash = new string('b', 64) },
            manifest with { Tasks = [new AdapterTask(1, new TaskName("b")), new AdapterTask(2, new TaskName("a"))] },
            manifest with { Files = [new BundleFile("f", 1, new string('1', 64)), new BundleFile("g", 1, new string('0', 64))] },
        ];

        Assert.Equal(others.Length + 1, others.Append(manifest).Select(m => m.ContentHash).Distinct().Count());
    }

    [Fact]
    public void ContentHash_FilesInAnotherOrder_IsTheSame()
    {
        BundleFile[] files = [new("b", 1, new string('0', 64)), new("a", 1, new string('1', 64))];
        var manifest = new BundleManifest(Name, Version, AdapterKind.Lora, BaseHash, [new AdapterTask(1, new TaskName("a"))], files);

        Assert.Equal(manifest.ContentHash, (manifest with { Files = [files[1], files[0]] }).ContentHash);
    }

    // The documented text, hashed by another program: sha256sum of
    // "a\0<64 zeros>\nformat_version\01\nname\0n\nversion\0v\nkind\0LORA\nbase_model_hash\0<64 a>\ntask\01\0default\n".
    [Fact]
    public void ContentHash_KnownManifest_IsAsDocumented()
    {
        var manifest = new BundleManifest(new AdapterName("n"), new AdapterVersion("v"), AdapterKind.Lora, BaseHash, [new AdapterTask(1, new TaskName("default"))], [new BundleFile("a", 5, new string('0', 64))]);

        Assert.Equal("sha256:b772092c0fedb55d20bd44d48899db152b4465521153391cea2f5bf55497e969", manifest.ContentHash.ToString());
    }

    [Fact]
    public void Open_AnotherBaseModel_IsRefused()
    {
        using var folder = new TestFolder();
        Write(folder, "bundle");

        var e = Assert.Throws<AdapterException>(() => AdapterReader.Open(folder.At("bundle"), AdapterFixture.Modules, baseModelHash: new string('b', 64)));

        Assert.Contains("it was made for the base model aaaa", Assert.Single(e.Problems));
    }

    [Fact]
    public void Open_TaskNamesForABundle_AreRefused()
    {
        using var folder = new TestFolder();
        Write(folder, "bundle");

        var e = Assert.Throws<AdapterException>(() => AdapterReader.Open(folder.At("bundle"), AdapterFixture.Modules, taskNamesFile: "names.json"));

        Assert.Contains("names its own tasks", Assert.Single(e.Problems));
    }

    private static AdapterBundle Write(TestFolder folder, string name) =>
        AdapterBundle.Write(folder.At(name), new AdapterFixture(AdapterKind.SharedGate).Read(), Name, Version, BaseHash);
}
