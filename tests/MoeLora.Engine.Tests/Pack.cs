using System.Globalization;
using System.Text.Json;
using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Import;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Engine.Tests;

/// <summary>One of the reference packs in <c>tests/data</c>: a tiny model, its adapter, and what others' code computes with them.</summary>
internal sealed class Pack : IDisposable
{
    public const string Llama = "llama-tiny";
    public const string Qwen2 = "qwen2-tiny";
    public const string ChatGlm = "chatglm-tiny";

    private readonly JsonDocument _expected;

    public Pack(string name, int threads = 2)
    {
        string directory = Path.Combine(DataDirectory, name);
        _expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, "expected.json")));
        Device = new CpuDevice(threads);
        Model = ModelLoader.Load(directory, Device, DType.F32);
        Adapter = AdapterReader.Open(Path.Combine(directory, "adapter"), Model.LinearModules);
        Bank = Adapter.ToDevice(Model);
    }

    public static string DataDirectory { get; } = FindData();

    public CpuDevice Device { get; }

    public CausalModel Model { get; }

    public Adapter Adapter { get; }

    public DeviceBank Bank { get; }

    /// <summary>The prompt that the expected answers continue.</summary>
    public int[] Prompt => Ids(_expected.RootElement.GetProperty("prompts")[_expected.RootElement.GetProperty("greedy_prompt").GetInt32()]);

    /// <summary>The likeliest tokens after <see cref="Prompt"/>, an end token included.</summary>
    public int[] Greedy(AdapterTask task) => Ids(_expected.RootElement.GetProperty("greedy").GetProperty(task.Id.ToString(CultureInfo.InvariantCulture)));

    public void Dispose()
    {
        Bank.Dispose();
        Model.Dispose();
        Device.Dispose();
        _expected.Dispose();
    }

    private static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    private static string FindData()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "MoeLora.Grid.sln")))
            directory = directory.Parent;
        return Path.Combine(directory?.FullName ?? throw new InvalidOperationException("The tests do not run inside the repository."), "tests", "data");
    }
}
