using MoeLora.Adapters;
using MoeLora.Adapters.Bundles;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Import;
using MoeLora.Contracts.Tenants;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Serving.Nodes;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Serving.Tests.Nodes;

/// <summary>
/// Bundles of one base model in as many versions as a test wants: version k is the same adapter with deltas k times as large, so that versions answer otherwise.
/// </summary>
internal sealed class NodeBundles : IDisposable
{
    public static readonly Caller Operator = new(TenantId.Parse("ops"), "key-1", Roles.Operator);

    private readonly string _directory = Directory.CreateTempSubdirectory("moelora-bundles-").FullName;
    private readonly string _model;
    private readonly Func<AdapterTask, int[]> _checkPrompt;
    private readonly CpuDevice _device = new(1);
    private readonly CausalModel _base;
    private readonly Adapter _adapter;
    private readonly string _hash;

    /// <param name="model">The base model's directory.</param>
    /// <param name="adapter">An adapter of it.</param>
    /// <param name="checkPrompt">A prompt for each task.</param>
    public NodeBundles(string model, string adapter, Func<AdapterTask, int[]> checkPrompt)
    {
        _model = model;
        _checkPrompt = checkPrompt;
        using Checkpoint published = Checkpoint.Open(model);
        _base = ModelLoader.Load(published, ModelConfigReader.Read(model), _device, DType.F32);
        _hash = BaseModelHash.Hash(model);
        _adapter = AdapterReader.Open(adapter, _base.LinearModules);
    }

    public static NodeBundles OfPack(string pack) => new(pack, Packs.AdapterOf(pack), _ => Packs.Prompt(pack));

    public IReadOnlyList<AdapterTask> Tasks => _adapter.Tasks;

    /// <summary>A version whose deltas are <paramref name="strength"/> times the adapter's.</summary>
    public string Make(string version, double strength, string name = "bank") => Write(version, Scaled(strength), name, true);

    /// <summary>A version whose checks are another's: it loads, and must not be proven.</summary>
    public string MakeUnproven(string version, double strength)
    {
        Adapter other = Scaled(strength * 2);
        return Write(version, Scaled(strength), "bank", true, Checks(other));
    }

    /// <summary>A version with a NaN in a delta.</summary>
    public string MakeNaN(string version)
    {
        AdaptedModule[] modules = [.. _adapter.Bank.Modules];
        float[] b = modules[0].B.ToArray();
        b[0] = float.NaN;
        modules[0] = new AdaptedModule(modules[0].Module, modules[0].Rank, modules[0].A.ToArray(), b);
        return Write(version, With(new ExpertBank(modules, _adapter.Bank.ExpertCount, _adapter.Bank.Alpha)), "bank", true, Checks(_adapter));
    }

    /// <summary>Bundles of a version as the archive that is published.</summary>
    public static async Task<MemoryStream> PackAsync(string bundle)
    {
        var archive = new MemoryStream();
        await BundleArchive.PackAsync(AdapterBundle.Open(bundle), archive);
        archive.Position = 0;
        return archive;
    }

    public NodeOptions Options(string state) => new()
    {
        Name = "n1",
        StateDirectory = state,
        Bases = [new Bases.BaseModelOptions { ModelDirectory = _model, Threads = 1, QueueLength = 1024, TenantQueueLength = 1024 }],
    };

    public void Dispose()
    {
        _base.Dispose();
        _device.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private string Write(string version, Adapter adapter, string name, bool isChecked, IReadOnlyList<BundleCheck>? checks = null)
    {
        string directory = Path.Combine(_directory, $"{name}-{version}");
        if (Directory.Exists(directory))
            return directory;
        Assert.True(AdapterName.TryParse(name, out AdapterName bank) & AdapterVersion.TryParse(version, out AdapterVersion parsed));
        AdapterBundle.Write(directory, adapter, bank, parsed, _hash, isChecked ? checks ?? Checks(adapter) : null);
        return directory;
    }

    private IReadOnlyList<BundleCheck> Checks(Adapter adapter) =>
        BundleChecks.Compute(_base, adapter, [.. adapter.Tasks.Select(task => new CheckPrompt(task, _checkPrompt(task)))]);

    private Adapter Scaled(double strength) => With(new ExpertBank(_adapter.Bank.Modules, _adapter.Bank.ExpertCount, strength * _adapter.Bank.Alpha));

    private Adapter With(ExpertBank bank) => new(_adapter.Kind, bank, _adapter.Gates, _adapter.Tasks, _adapter.TargetModules);
}
