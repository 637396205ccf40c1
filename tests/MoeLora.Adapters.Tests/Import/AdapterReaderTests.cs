using MoeLora.Adapters.Import;
using MoeLora.Adapters.Tests.Packs;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Adapters.Tests.Import;

public sealed class AdapterReaderTests
{
    [Fact]
    public void Open_BinAndSafetensors_GiveTheSameAdapter()
    {
        using var pack = new Pack("llama-tiny");
        using var folder = new TestFolder();
        string bin = folder.Copy(pack.AdapterPath, "bin");
        File.Delete(Path.Combine(bin, "adapter_model.safetensors"));

        AssertSame(pack.ReadAdapter(), AdapterReader.Open(bin, pack.Model.LinearModules));
    }

    [Fact]
    public void Open_AuthorsSharedGate_CountsParametersAsTheyDo()
    {
        using var pack = new Pack("chatglm-tiny");
        Adapter adapter = pack.ReadAdapter();

        long trainable = adapter.ParameterCount + adapter.IgnoredParameterCount;
        Assert.Equal(pack.Facts().GetProperty("trainable").GetInt64(), trainable);
        Assert.Equal(pack.Facts().GetProperty("total").GetInt64(), trainable + pack.Model.ParameterCount);
    }

    [Fact]
    public void Open_AuthorsFormat_StacksExpertsByRank()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        fixture.Add(AdapterFixture.A(1, 1), 2, 4, [1, 2, 3, 4, 5, 6, 7, 8]);
        fixture.Add(AdapterFixture.B(1, 1), 6, 2, [.. Enumerable.Range(1, 12).Select(i => (float)i)]);

        Adapter adapter = fixture.Read();

        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8], adapter.Bank.Modules[1].A[(2 * 4)..].ToArray()); // rows 2 and 3 are expert 1's
        float[] b = adapter.Bank.Modules[1].B.ToArray();
        Assert.Equal([.. Enumerable.Range(1, 12).Select(i => (float)i)], Enumerable.Range(0, 6).SelectMany(row => b[(row * 4 + 2)..(row * 4 + 4)]));
    }

    [Fact]
    public void Open_AuthorsFormat_ReadsShapeAndScaling()
    {
        Adapter adapter = new AdapterFixture(AdapterKind.SharedGate).Read();

        Assert.Equal((2, 4, 2, 2.0), (adapter.Bank.ExpertCount, adapter.Bank.Rank, adapter.Bank.ExpertRank, adapter.Bank.Scaling));
        Assert.Equal(["model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.q_proj"], adapter.Bank.Modules.Select(m => m.Module.Name));
        Assert.Equal(["1", "2", "3"], adapter.Tasks.Select(t => t.ToString()));
    }

    [Fact]
    public void Open_TensorUnderBothNames_IsReadOnce()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        float[] values = fixture.Values(8);
        fixture.Add(AdapterFixture.A(0, 0), 2, 4, values);
        fixture.Add(AdapterFixture.A(0, 0).Replace(".mlp.", ".", StringComparison.Ordinal), 2, 4, values);

        Assert.Equal(values, fixture.Read().Bank.Modules[0].A[..8].ToArray());
    }

    [Fact]
    public void Open_TwoNamesWithDifferentValues_IsRefused()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        fixture.Add(AdapterFixture.A(0, 0).Replace(".mlp.", ".", StringComparison.Ordinal), 2, 4);

        string problem = Assert.Single(fixture.Problems());
        Assert.Contains("two names of one tensor", problem);
        Assert.Contains(AdapterFixture.A(0, 0), problem);
    }

    [Fact]
    public void Open_PerLayerGatesOfSharedKind_AreIgnored()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        Adapter without = fixture.Read();
        foreach (int layer in (int[])[0, 1])
        {
            fixture.Add($"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_task_embedding.weight", 4, 5);
            fixture.Add($"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_gate.GateL.weight", 2, 5);
        }

        Adapter with = fixture.Read();

        AssertSame(without, with);
        Assert.Equal(2 * (4 + 2) * 5, with.IgnoredParameterCount);
        Assert.Equal(0, without.IgnoredParameterCount);
    }

    [Fact]
    public void Open_GatePerModule_GivesEveryModuleItsOwnGate()
    {
        Adapter adapter = new AdapterFixture(AdapterKind.GatePerModule).Read();

        var weights = adapter.Weights(adapter.Tasks[0]);
        Assert.Equal(2, weights.Count);
        Assert.NotEqual(weights[0][0], weights[1][0]);
    }

    [Fact]
    public void Open_TopK_MakesTheGateSparse()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        fixture.Config["moelora_top_k"] = 1;

        Adapter adapter = fixture.Read();

        Assert.Equal(1, adapter.TopK);
        Assert.Equal([0f, 1f], Assert.Single(adapter.Weights(adapter.Tasks[0])).Order());
    }

    [Fact]
    public void Open_PlainLora_IsOneExpertAndOneTask()
    {
        Adapter adapter = new AdapterFixture(AdapterKind.Lora).Read();

        AdapterTask task = Assert.Single(adapter.Tasks);
        Assert.Equal("default", task.Name.ToString());
        Assert.Equal([1f], Assert.Single(adapter.Weights(task)));
        Assert.Equal((1, 4, 2.0), (adapter.Bank.ExpertCount, adapter.Bank.ExpertRank, adapter.Bank.Scaling));
    }

    [Fact]
    public void Open_PlainLoraWithAdapterNameInTensors_IsRead()
    {
        var plain = new AdapterFixture(AdapterKind.Lora);
        var named = new AdapterFixture(AdapterKind.Lora);
        foreach (SafetensorsEntry entry in named.Tensors.Values.ToArray())
            named.Tensors.Remove(entry.Name);
        foreach (SafetensorsEntry entry in plain.Tensors.Values)
        {
            int columns = entry.Shape[1];
            string name = entry.Name.Replace(".weight", ".default.weight", StringComparison.Ordinal);
            named.Add(name, entry.Shape[0], columns);
        }

        Assert.Equal(2, named.Read().Bank.Modules.Count);
    }

    [Fact]
    public void Open_RankStabilizedLora_ScalesByRootOfRank()
    {
        var fixture = new AdapterFixture(AdapterKind.Lora);
        fixture.Config["use_rslora"] = true;

        Assert.Equal(8 / Math.Sqrt(4), fixture.Read().Bank.Scaling);
    }

    [Fact]
    public void Open_TaskNamesFile_NamesTheTasks()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.At("tasks.json"), """{"str2id": {"MedDG": 2, "CMeEE-V2": 1, "IMCS 问诊": 3}, "id2str": {"1": "x"}}""");

        Adapter adapter = new AdapterFixture(AdapterKind.SharedGate).Read(folder.At("tasks.json"));

        Assert.Equal(["CMeEE-V2 (1)", "MedDG (2)", "IMCS 问诊 (3)"], adapter.Tasks.Select(t => t.ToString()));
    }

    [Theory]
    [InlineData("""{"str2id": {"a": 1, "b": 2}}""", "1 of the adapter's 3 tasks have no name; the first is task 3")]
    [InlineData("""{"str2id": {"a": 1, "b": 2, "c": 4}}""", "'c' has the id 4; the adapter's tasks are 1 to 3")]
    [InlineData("""{"str2id": {"a": 1, "b": 1, "c": 3}}""", "'a' and 'b' have the same id 1")]
    [InlineData("""{"str2id": {"a": 1, "b": 2, "x@1": 3}}""", "'x@1' is not a task name")]
    [InlineData("""{"str2id": {"a": 1, "b": "2", "c": 3}}""", "'b' has the id \"2\"")]
    [InlineData("""{"str2id": {"2": 1, "b": 2, "c": 3}}""", "named '2', which is the id of another task")]
    [InlineData("""{"id2str": {}}""", "no object \"str2id\"")]
    [InlineData("""{"str2id": {"a": 1, "a": 2}}""", "not valid JSON")]
    [InlineData("""{"str2id": {"\ud800": 1}}""", "not valid Unicode")]
    [InlineData("[1]", "not an object")]
    public void Open_WrongTaskNamesFile_IsRefused(string json, string part)
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.At("tasks.json"), json);

        var e = Assert.Throws<AdapterException>(() => new AdapterFixture(AdapterKind.SharedGate).Read(folder.At("tasks.json")));

        Assert.Contains(e.Problems, p => p.Contains(part, StringComparison.Ordinal));
    }

    [Fact]
    public void OpenWithoutBase_Pack_FindsTheSameModules()
    {
        using var pack = new Pack("qwen2-tiny");
        Adapter with = pack.ReadAdapter();
        Adapter without = AdapterReader.OpenWithoutBase(pack.AdapterPath);

        Assert.Equal(
            with.Bank.Modules.Select(m => (m.Module.Name, m.Module.OutFeatures, m.Module.InFeatures)).Order(),
            without.Bank.Modules.Select(m => (m.Module.Name, m.Module.OutFeatures, m.Module.InFeatures)).Order());
    }

    [Theory]
    [InlineData("adapter_model.safetensors")]
    [InlineData("nowhere")]
    public void Open_PathThatIsNoDirectory_SaysSo(string name)
    {
        using var folder = new TestFolder();
        string adapter = new AdapterFixture(AdapterKind.SharedGate).Save(folder);

        var e = Assert.Throws<AdapterException>(() => AdapterReader.Open(Path.Combine(adapter, name), AdapterFixture.Modules));

        Assert.Contains("directory", Assert.Single(e.Problems));
    }

    /// <summary>Bit-equal experts and gates, equal shape and tasks.</summary>
    internal static void AssertSame(Adapter expected, Adapter actual)
    {
        Assert.Equal(expected.Kind, actual.Kind);
        Assert.Equal(expected.Tasks, actual.Tasks);
        Assert.Equal(expected.TargetModules, actual.TargetModules);
        Assert.Equal(expected.TopK, actual.TopK);
        Assert.Equal((expected.Bank.ExpertCount, expected.Bank.Rank, expected.Bank.Alpha, expected.Bank.RankStabilized), (actual.Bank.ExpertCount, actual.Bank.Rank, actual.Bank.Alpha, actual.Bank.RankStabilized));
        Assert.Equal(expected.Bank.Modules.Select(m => m.Module), actual.Bank.Modules.Select(m => m.Module));
        for (int i = 0; i < expected.Bank.Modules.Count; i++)
        {
            Assert.Equal(Bits(expected.Bank.Modules[i].A), Bits(actual.Bank.Modules[i].A));
            Assert.Equal(Bits(expected.Bank.Modules[i].B), Bits(actual.Bank.Modules[i].B));
        }

        Assert.Equal(expected.Gates.Count, actual.Gates.Count);
        for (int i = 0; i < expected.Gates.Count; i++)
        {
            Assert.Equal(Bits(expected.Gates[i].Weight), Bits(actual.Gates[i].Weight));
            Assert.Equal(Bits(expected.Gates[i].TaskEmbeddings), Bits(actual.Gates[i].TaskEmbeddings));
        }
    }

    private static int[] Bits(ReadOnlySpan<float> values) => Array.ConvertAll(values.ToArray(), BitConverter.SingleToInt32Bits);
}
