using System.Text.Json;
using MoeLora.Adapters.Export;
using MoeLora.Adapters.Import;
using MoeLora.Adapters.Tests.Packs;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Adapters.Tests.Export;

public sealed class LoraExportTests
{
    [Theory]
    [MemberData(nameof(Pack.All), MemberType = typeof(Pack))]
    public void Write_OneTask_RecoversTheSameWeights(string name)
    {
        using var pack = new Pack(name);
        using var folder = new TestFolder();
        Adapter adapter = pack.ReadAdapter();
        AdapterTask task = adapter.Tasks[1];

        LoraExport.Write(folder.At("lora"), adapter, "base", task);
        Adapter lora = AdapterReader.Open(folder.At("lora"), pack.Model.LinearModules);

        Assert.Equal(AdapterKind.Lora, lora.Kind);
        for (int module = 0; module < adapter.Bank.Modules.Count; module++)
        {
            // Each element of B is rounded once more: 6e-8 of a delta well below 1.
            Closeness.AssertClose(
                Recovery.RecoverModule(pack.Model, pack.Published, adapter, module, task),
                Recovery.RecoverModule(pack.Model, pack.Published, lora, module, lora.Tasks[0]),
                1e-6,
                adapter.Bank.Modules[module].Module.Name);
        }
    }

    [Fact]
    public void Write_GatePerModule_FoldsEachModulesOwnGate()
    {
        using var folder = new TestFolder();
        Adapter adapter = new AdapterFixture(AdapterKind.GatePerModule).Read();
        LoraExport.Write(folder.At("lora"), adapter, null, adapter.Tasks[2]);
        Adapter lora = AdapterReader.Open(folder.At("lora"), AdapterFixture.Modules);

        var weights = adapter.Weights(adapter.Tasks[2]);
        for (int module = 0; module < 2; module++)
        {
            Assert.Equal(adapter.Bank.Modules[module].A.ToArray(), lora.Bank.Modules[module].A.ToArray());
            float[] folded = [.. adapter.Bank.Modules[module].B.ToArray().Select((b, i) => b * weights[module][i % 4 / 2])];
            Assert.Equal(folded, lora.Bank.Modules[module].B.ToArray());
        }
    }

    [Fact]
    public void Write_ComposedTask_FoldsTheComposedGate()
    {
        using var folder = new TestFolder();
        Adapter adapter = new AdapterFixture(AdapterKind.SharedGate).Read();
        LoraExport.Write(folder.At("lora"), adapter, null, adapter.Tasks[0], adapter.Tasks[2]);
        Adapter lora = AdapterReader.Open(folder.At("lora"), AdapterFixture.Modules);

        float omega = adapter.Gates[0].Weights(1, 3)[0];
        Assert.Equal(adapter.Bank.Modules[0].B[0] * omega, lora.Bank.Modules[0].B[0]);
    }

    [Fact]
    public void Write_Config_IsWhatPeftReads()
    {
        using var pack = new Pack("llama-tiny");
        using var folder = new TestFolder();
        Adapter adapter = pack.ReadAdapter();
        LoraExport.Write(folder.At("lora"), adapter, "meta/tiny", adapter.Tasks[0]);

        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder.At("lora"), "adapter_config.json")));
        JsonElement config = document.RootElement;
        Assert.Equal("LORA", config.GetProperty("peft_type").GetString());
        Assert.Equal("CAUSAL_LM", config.GetProperty("task_type").GetString());
        Assert.Equal("meta/tiny", config.GetProperty("base_model_name_or_path").GetString());
        Assert.Equal((16, 32), (config.GetProperty("r").GetInt32(), config.GetProperty("lora_alpha").GetInt32()));
        Assert.Equal(
            ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"],
            config.GetProperty("target_modules").EnumerateArray().Select(e => e.GetString()!).Order(StringComparer.Ordinal));
        Assert.False(config.TryGetProperty("expert_num", out _));
    }

    [Fact]
    public void Write_Tensors_HavePeftNamesAndShapes()
    {
        using var folder = new TestFolder();
        Adapter adapter = new AdapterFixture(AdapterKind.SharedGate).Read();
        LoraExport.Write(folder.At("lora"), adapter, null, adapter.Tasks[0]);

        using Checkpoint file = Checkpoint.OpenAdapter(folder.At("lora"));
        Assert.Equal(
            [
                "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight [4, 4]",
                "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight [6, 4]",
                "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight [4, 4]",
                "base_model.model.model.layers.1.self_attn.q_proj.lora_B.weight [6, 4]",
            ],
            file.Tensors.Values.Select(t => $"{t.Name} {t.ShapeText}").Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Write_WhereSomethingIs_IsRefused()
    {
        using var folder = new TestFolder();
        Adapter adapter = new AdapterFixture(AdapterKind.SharedGate).Read();
        File.WriteAllText(folder.At("lora"), "kept");

        Assert.Throws<AdapterException>(() => LoraExport.Write(folder.At("lora"), adapter, null, adapter.Tasks[0]));

        Assert.Equal("kept", File.ReadAllText(folder.At("lora")));
    }
}
