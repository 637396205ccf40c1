using System.Text.Json.Nodes;

namespace MoeLora.Adapters.Tests.Import;

public sealed class AdapterConfigTests
{
    [Theory]
    [InlineData("use_dora", "true", "DoRA is not supported")]
    [InlineData("bias", "\"all\"", "trained biases are not supported")]
    [InlineData("modules_to_save", "[\"lm_head\"]", "fully trained modules")]
    [InlineData("fan_in_fan_out", "true", "transposed")]
    [InlineData("alpha_pattern", "{\"q_proj\": 4}", "one alpha")]
    [InlineData("rank_pattern", "{\"q_proj\": 4}", "one rank")]
    [InlineData("layers_to_transform", "[0]", "full names")]
    [InlineData("init_lora_weights", "\"pissa\"", "changed base weights")]
    [InlineData("task_type", "\"SEQ_CLS\"", "only causal language models")]
    [InlineData("use_rslora", "\"yes\"", "not true or false")]
    [InlineData("something_new", "1", "not known")]
    [InlineData("something_new", "false", "not known")]
    [InlineData("expert_num", "2", "not known")]
    [InlineData("r", "0", "a whole number from 1")]
    [InlineData("r", "\"4\"", "a whole number from 1")]
    [InlineData("lora_alpha", "null", "a number is needed")]
    [InlineData("target_modules", "[]", "not a list of module names")]
    [InlineData("target_modules", "\"(a)\\\\1\"", "cannot be matched")]
    [InlineData("base_model_name_or_path", "3", "not a text")]
    public void Lora_KeyThatCannotBeHonoured_IsRefusedByName(string key, string value, string part)
    {
        var fixture = new AdapterFixture(AdapterKind.Lora);
        fixture.Config[key] = JsonNode.Parse(value);

        string problem = Assert.Single(fixture.Problems());

        Assert.Contains(key, problem);
        Assert.Contains(part, problem);
    }

    [Fact]
    public void Lora_ConfigAsPeftWritesIt_IsRead()
    {
        var fixture = new AdapterFixture(AdapterKind.Lora);
        JsonObject all = JsonNode.Parse(
            """
            {"alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null,
             "base_model_name_or_path": "Qwen/Qwen2-0.5B", "bias": "none", "corda_config": null, "ensure_weight_tying": false,
             "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
             "init_lora_weights": true, "layer_replication": null, "layers_pattern": null, "layers_to_transform": null,
             "loftq_config": {}, "lora_bias": false, "lora_dropout": 0.05, "megatron_config": null, "megatron_core": "megatron.core",
             "modules_to_save": null, "peft_version": "0.18.0", "qalora_group_size": 16, "rank_pattern": {}, "revision": null,
             "target_parameters": null, "trainable_token_indices": null, "use_dora": false, "use_qalora": false, "use_rslora": false}
            """)!.AsObject();
        foreach ((string key, JsonNode? value) in all)
            fixture.Config[key] = value?.DeepClone();

        Assert.Equal("Qwen/Qwen2-0.5B", fixture.Read().BaseModelName);
    }

    [Fact]
    public void AnyKind_SeveralProblems_AreListedTogether()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        fixture.Config["use_dora"] = true;
        fixture.Config["bias"] = "lora_only";
        fixture.Config["r"] = -1;
        fixture.Config.Remove("task_num");

        Assert.Equal(4, fixture.Problems().Count);
    }

    [Theory]
    [InlineData("\"ADALORA\"")]
    [InlineData("null")]
    [InlineData("7")]
    public void UnknownPeftType_IsRefused(string type)
    {
        var fixture = new AdapterFixture(AdapterKind.Lora);
        fixture.Config["peft_type"] = JsonNode.Parse(type);

        Assert.Contains("peft_type", Assert.Single(fixture.Problems()));
    }

    [Theory]
    [InlineData("model\\\\.layers\\\\.[01]\\\\.self_attn\\\\.q_proj")]
    [InlineData(".*\\\\.(q_proj|nothing)")]
    public void Lora_TargetPattern_MatchesFullNames(string pattern)
    {
        var fixture = new AdapterFixture(AdapterKind.Lora);
        fixture.Config["target_modules"] = JsonNode.Parse($"\"{pattern}\"");

        Assert.Equal(["q_proj"], fixture.Read().TargetModules);
    }

    [Fact]
    public void Lora_TargetPatternWithoutMatch_IsRefused()
    {
        var fixture = new AdapterFixture(AdapterKind.Lora);
        fixture.Config["target_modules"] = "q_proj"; // a pattern, which must match the full name

        Assert.Contains(fixture.Problems(), p => p.Contains("names no module", StringComparison.Ordinal));
    }

    [Fact]
    public void Lora_TargetPatternWithNestedCounts_IsRefusedAtOnce()
    {
        var fixture = new AdapterFixture(AdapterKind.Lora);
        fixture.Config["target_modules"] = "((((a|b|.)?){1000}){1000}){1000}";

        Assert.Contains(fixture.Problems(), p => p.Contains("counts in braces", StringComparison.Ordinal));
    }

    [Fact]
    public void Lora_TargetNameThatIsOnlyAnEnding_MatchesNothing()
    {
        var fixture = new AdapterFixture(AdapterKind.Lora);
        fixture.Config["target_modules"] = new JsonArray("_proj");

        Assert.Contains(fixture.Problems(), p => p.Contains("'_proj' names no module", StringComparison.Ordinal));
    }

    [Fact]
    public void Authors_TargetNameThatIsOnlyAnEnding_MatchesAsInTheirCode()
    {
        var fixture = new AdapterFixture(AdapterKind.SharedGate);
        fixture.Config["target_modules"] = new JsonArray("attn.q_proj", "q_proj");

        Assert.Equal(2, fixture.Read().Bank.Modules.Count);
    }

    [Fact]
    public void Lora_FullNamesOfSomeLayers_StayFullNames()
    {
        var fixture = new AdapterFixture(AdapterKind.Lora);
        fixture.Config["target_modules"] = new JsonArray("model.layers.1.self_attn.q_proj");
        foreach (string name in fixture.Tensors.Keys.Where(n => n.Contains(".layers.0.", StringComparison.Ordinal)).ToArray())
            fixture.Tensors.Remove(name);

        Adapter adapter = fixture.Read();

        Assert.Equal(["model.layers.1.self_attn.q_proj"], adapter.TargetModules);
        Assert.Equal(2, Assert.Single(adapter.Bank.Modules).Module.Index);
    }
}
