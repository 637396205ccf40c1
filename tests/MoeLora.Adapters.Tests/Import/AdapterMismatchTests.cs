using MoeLora.Adapters.Import;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Adapters.Tests.Import;

/// <summary>What does not fit is refused, by name, all at once.</summary>
public sealed class AdapterMismatchTests
{
    [Fact]
    public void Open_ManyMismatches_ListsThemAll()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        fixture.Tensors.Remove(AdapterFixture.A(0, 1));
        fixture.Add(AdapterFixture.B(0, 0), 6, 3);
        fixture.Add(AdapterFixture.A(1, 0), 2, 4, [1, 2, float.NaN, 4, 5, 6, 7, 8]);
        fixture.Add(AdapterFixture.B(1, 1), 6, 2, [.. Enumerable.Repeat(float.PositiveInfinity, 12)]);
        fixture.Add("base_model.model.model.layers.7.self_attn.q_proj.lora_A.loraA.0.weight", 2, 4);
        fixture.Add("base_model.model.model.layers.0.self_attn.k_proj.lora_A.loraA.0.weight", 2, 4);
        fixture.Add(AdapterFixture.A(0, 2), 2, 4);
        fixture.Add("score.weight", 2, 4);
        fixture.Tensors.Remove("lora_gate.GateL.weight");

        IReadOnlyList<string> problems = fixture.Problems();

        string[] parts =
        [
            $"{AdapterFixture.A(0, 1)}: missing; [2, 4] is needed",
            $"{AdapterFixture.B(0, 0)}: [6, 3] instead of [6, 2]",
            $"{AdapterFixture.A(1, 0)}: element [0, 2] is NaN",
            $"{AdapterFixture.B(1, 1)}: element [0, 0] is infinite",
            "model.layers.7.self_attn.q_proj: the base model has no such module (1 tensors)",
            "model.layers.0.self_attn.k_proj: there are 1 tensors for it, but target_modules does not name it",
            $"{AdapterFixture.A(0, 2)}: expert 2 of an adapter with expert_num 2",
            "score.weight: nothing uses this tensor",
            "lora_gate.GateL.weight: missing; [2, 5] is needed",
        ];
        foreach (string part in parts)
            Assert.Contains(problems, p => p.StartsWith(part, StringComparison.Ordinal));
        Assert.Equal(parts.Length, problems.Count);
    }

    [Fact]
    public void Open_TargetModuleNotInBase_IsRefused()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        fixture.Config["target_modules"] = new System.Text.Json.Nodes.JsonArray("q_proj", "W_pack");

        Assert.Contains("'W_pack' names no module of the base model", Assert.Single(fixture.Problems()));
    }

    [Fact]
    public void Open_TargetModuleWithoutTensors_IsRefused()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        fixture.Config["target_modules"] = new System.Text.Json.Nodes.JsonArray("q_proj", "k_proj");

        Assert.Equal(
            ["model.layers.0.self_attn.k_proj: target_modules names it, but the adapter has no tensors for it.", "model.layers.1.self_attn.k_proj: target_modules names it, but the adapter has no tensors for it."],
            fixture.Problems());
    }

    [Fact]
    public void Open_RankNotDivisibleByExperts_IsRefused()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        fixture.Config["expert_num"] = 3;

        Assert.Contains("r 4 is not a multiple of expert_num 3", Assert.Single(fixture.Problems()));
    }

    [Fact]
    public void Open_GateOfWrongShape_IsRefused()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        fixture.Config["task_num"] = 4;

        Assert.Equal("lora_task_embedding.weight: [4, 5] instead of [5, 5].", Assert.Single(fixture.Problems()));
    }

    [Fact]
    public void Open_TopLevelGateInGatePerModule_IsRefused()
    {
        var fixture = new AdapterFixture(AdapterKind.GatePerModule);
        fixture.Add("lora_gate.GateL.weight", 2, 5);

        Assert.Contains("nothing uses this tensor in MMOELORA adapters", Assert.Single(fixture.Problems()));
    }

    [Fact]
    public void Open_GatePerModuleWithoutOneGate_IsRefused()
    {
        var fixture = new AdapterFixture(AdapterKind.GatePerModule);
        fixture.Tensors.Remove("base_model.model.model.layers.1.self_attn.q_proj.lora_gate.GateL.weight");

        Assert.StartsWith("base_model.model.model.layers.1.self_attn.q_proj.lora_gate.GateL.weight: missing", Assert.Single(fixture.Problems()));
    }

    [Fact]
    public void Open_DoraMagnitudes_AreRefused()
    {
        var fixture = new AdapterFixture(AdapterKind.Lora);
        fixture.Add("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector.weight", 6, 1);

        Assert.Contains("lora_magnitude_vector.weight: nothing uses this tensor", Assert.Single(fixture.Problems()));
    }

    [Fact]
    public void Open_HugeCountsInConfig_EndsQuickly()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        fixture.Config["expert_num"] = 1_000_000;
        fixture.Config["r"] = 1_000_000;
        fixture.Config["task_num"] = 1_000_000;

        Assert.Contains("expert_num is 1000000, but", Assert.Single(fixture.Problems()));
    }

    [Fact]
    public void Open_NoWeights_SaysWhatWasLookedFor()
    {
        using var folder = new TestFolder();
        string path = new AdapterFixture(AdapterKind.SharedGate).Save(folder);
        File.Delete(Path.Combine(path, "adapter_model.safetensors"));

        var e = Assert.Throws<AdapterException>(() => AdapterReader.Open(path, AdapterFixture.Modules));

        Assert.Contains("adapter_model.safetensors", Assert.Single(e.Problems));
    }

    [Fact]
    public void Open_HalfPrecisionTensors_AreWidenedExactly()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        Half[] halves = [(Half)0.1f, (Half)(-2.5f), Half.Epsilon, Half.MaxValue, (Half)0, (Half)1, (Half)3, (Half)(-7)];
        ushort[] brains = [0x3DCC, 0xC020, 0x0001, 0x7F7F, 0, 0x3F80, 0x4040, 0xC0E0];
        float[] fromBrains = Array.ConvertAll(brains, b => BitConverter.Int32BitsToSingle(b << 16));
        using var folder = new TestFolder();
        string path = SaveHalves(fixture, folder, halves, brains);

        Adapter adapter = AdapterReader.Open(path, AdapterFixture.Modules);

        Assert.Equal(Array.ConvertAll(halves, h => (float)h), adapter.Bank.Modules[0].A[..8].ToArray());
        Assert.Equal(fromBrains, adapter.Bank.Modules[1].A[..8].ToArray());
    }

    private static unsafe string SaveHalves(AdapterFixture fixture, TestFolder folder, Half[] halves, ushort[] brains)
    {
        fixed (Half* h = halves)
        fixed (ushort* b = brains)
        {
            fixture.Tensors[AdapterFixture.A(0, 0)] = new SafetensorsEntry(AdapterFixture.A(0, 0), [2, 4], new Tensors.TensorView(h, Tensors.DType.F16, 2, 4));
            fixture.Tensors[AdapterFixture.A(1, 0)] = new SafetensorsEntry(AdapterFixture.A(1, 0), [2, 4], new Tensors.TensorView(b, Tensors.DType.BF16, 2, 4));
            return fixture.Save(folder);
        }
    }
}
