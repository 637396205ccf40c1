using System.Text.Json;
using MoeLora.Models;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Reference;
using MoeLora.Training.Batches;
using MoeLora.Training.Generation;

namespace MoeLora.Training.Tests.Networks;

/// <summary>Loss, gradients and answers against what others' code computed (tests/data).</summary>
public sealed class PackGradientTests
{
    private const string Prefix = "grad.base_model.model.";

    public static TheoryData<bool, bool> Devices => new() { { false, false }, { false, true }, { true, false } };

    [Theory]
    [MemberData(nameof(Devices))]
    public void TrainBatch_OfChatGlm_GivesTheReferenceLossAndGradients(bool reference, bool checkpointing)
    {
        using Device device = reference ? new ReferenceDevice() : new CpuDevice();
        using var pack = new Pack("chatglm-tiny", device);
        pack.Network.Checkpointing = checkpointing;
        JsonElement facts = pack.Facts.GetProperty("train_batch");
        var batch = new PackedBatch();
        for (int i = 0; i < 2; i++)
            batch.Add(pack.Sample(Pack.Ints(facts.GetProperty("input_ids")[i]), Pack.Ints(facts.GetProperty("labels")[i]), facts.GetProperty("task_id")[i].GetInt32()));

        double loss = pack.Network.Accumulate(batch, pack.Adaptation, 1f / batch.Targets.Length, dropoutSeed: 1) / batch.Targets.Length;

        Assert.Equal(facts.GetProperty("loss").GetDouble(), loss, 1e-4 * loss);
        int compared = 0;
        foreach (LinearModule module in pack.Adaptation.Modules.Where(module => module.Name.Contains("layers.0.", StringComparison.Ordinal)))
        {
            (float[] a, float[] b) = (pack.Adaptation.Layer(module).A.GradientToArray(), pack.Adaptation.Layer(module).B.GradientToArray());
            for (int expert = 0; expert < 8; expert++, compared += 2)
            {
                Near(pack.Expected($"{Prefix}{module.Name}.lora_A.loraA.{expert}.weight"), a.AsSpan(expert * 2 * module.InFeatures, 2 * module.InFeatures).ToArray());
                Near(pack.Expected($"{Prefix}{module.Name}.lora_B.loraB.{expert}.weight"), [.. b.Where((_, i) => i % 16 / 2 == expert)]);
            }
        }
        Assert.Equal(64, compared);
        Near(pack.Expected("grad.lora_task_embedding.weight"), pack.Adaptation.Parameters.Single(p => p.Name == "task_embedding").GradientToArray());
        Near(pack.Expected("grad.lora_gate.GateL.weight"), pack.Adaptation.Parameters.Single(p => p.Name == "gate").GradientToArray());
    }

    [Theory]
    [InlineData("chatglm-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    public void Generation_OfEveryTask_GivesTheReferenceTokens(string name)
    {
        using var device = new CpuDevice();
        using var pack = new Pack(name, device);
        int[] prompt = pack.Prompt(pack.Facts.GetProperty("greedy_prompt").GetInt32());
        JsonProperty[] expected = [.. pack.Facts.GetProperty("greedy").EnumerateObject()];
        Assert.NotEmpty(expected);

        IReadOnlyList<int[]> answers = new GreedyGenerator(pack.Network, pack.Adaptation, batchSize: 3)
            .Generate([.. expected.Select(task => new GenerationPrompt(prompt, int.Parse(task.Name), pack.Network.ShapeOf(prompt)))], expected.Max(task => task.Value.GetArrayLength()));

        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(Pack.Ints(expected[i].Value).Where(token => !pack.Network.Config.EndTokenIds.Contains(token)), answers[i]);
    }

    [Theory]
    [InlineData("chatglm-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("qwen2-tiny")]
    public void Loss_OfOneToken_IsThatOfTheReferenceLogits(string name)
    {
        using var device = new CpuDevice();
        using var pack = new Pack(name, device);
        foreach (int task in (int[])[1, 2])
        {
            int[] prompt = pack.Prompt(0);
            float[] logits = pack.Expected($"task{task}.logits.0");
            float[] last = logits[^pack.Network.Config.VocabularySize..];
            double expected = Math.Log(last.Sum(x => Math.Exp(x))) - last[7];

            var batch = new PackedBatch();
            batch.Add(new TrainingSample([.. prompt, 7], prompt.Length, task, pack.Network.ShapeOf(prompt)));

            Assert.Equal(expected, pack.Network.Evaluate(batch, pack.Adaptation), 2e-4); // logits agree within 1e-4
        }
    }

    // 1e-4 relative to the tensor's largest element: single elements may be sums that cancel.
    private static void Near(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        double tolerance = 1e-4 * expected.Max(Math.Abs);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"Element {i} is {actual[i]:R}, expected {expected[i]:R}.");
    }
}
