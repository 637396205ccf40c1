using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

/// <summary>
/// Prompts fed in the order Many and generated tokens in the order Few: logits are equal to the last bit however the tokens are cut into steps, and whatever else,
/// of whichever bank, is in them.
/// </summary>
[Collection(Pack.DeviceUsers)]
public sealed class FixedOrderTests
{
    private const int Generated = 20;
    private const int PromptTokens = 45;

    public static TheoryData<string, DType> Models => new()
    {
        { "llama-tiny", DType.F32 },
        { "llama-tiny", DType.Q8 },
        { "qwen2-tiny", DType.BF16 },
        { "qwen2-tiny", DType.F16 },
        { "chatglm-tiny", DType.F32 },
        { "chatglm-tiny", DType.BF16 },
        { "chatglm-tiny", DType.Q8 },
        { "one layer", DType.BF16 }, // rows of 896 and 4864 columns, as in a model of real size
        { "one layer", DType.Q8 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Forward_PromptInPieces_EveryLogitAsAtOnce(string name, DType weights)
    {
        using CausalModel model = Load(name, weights);
        using var banks = new Banks(model);
        foreach (int bank in new[] { -1, 0, 1 })
        {
            Script script = NewScript(model, name, banks, bank, seed: 1);
            float[][] whole = Prompt(model, script, script.Prompt.Length);
            Assert.All(whole, row => Assert.All(row, value => Assert.True(float.IsFinite(value))));
            foreach (int piece in name == "chatglm-tiny" ? [] : new[] { 1, 7, 32 })
                BitEqual(whole, Prompt(model, script, piece));

            using ModelSequence sequence = model.StartSequence(script.Prompt, script.Prompt.Length);
            BitEqual([whole[^1]], Step(model, LinearOrder.Many, LogitsWanted.Last, (sequence, script.Prompt, script)));
        }
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Forward_AmongFortySequencesOfTwoBanksAndNone_EveryLogitAsAlone(string name, DType weights)
    {
        using CausalModel model = Load(name, weights);
        using var banks = new Banks(model);
        // Every seventh is compared, which takes all three kinds.
        Script[] scripts = [.. Enumerable.Range(0, 41).Select(i => NewScript(model, name, banks, bank: i / 14 - 1, seed: i))];
        int[] compared = [.. Enumerable.Range(0, scripts.Length).Where(i => i % 7 == 3)];
        float[][][] alone = [.. compared.Select(i => Alone(model, scripts[i]))];

        ModelSequence[] sequences = [.. scripts.Select(script => model.StartSequence(script.Prompt, script.Prompt.Length + Generated))];
        var together = new List<float[]>[compared.Length];
        float[][] logits = Step(model, LinearOrder.Many, LogitsWanted.Last, [.. scripts.Select((script, i) => (sequences[i], script.Prompt, script))]);
        for (int c = 0; c < compared.Length; c++)
            together[c] = [logits[compared[c]]];
        for (int token = 0; token < Generated; token++)
        {
            logits = Step(model, LinearOrder.Few, LogitsWanted.Last, [.. scripts.Select((script, i) => (sequences[i], script.Answer[token..(token + 1)], script))]);
            for (int c = 0; c < compared.Length; c++)
                together[c].Add(logits[compared[c]]);
        }

        for (int c = 0; c < compared.Length; c++)
            BitEqual(alone[c], [.. together[c]]);
        foreach (ModelSequence sequence in sequences)
            sequence.Dispose();
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Forward_GeneratedTokensComputedAgainInOneStep_EveryLogitAsOneByOne(string name, DType weights)
    {
        using CausalModel model = Load(name, weights);
        using var banks = new Banks(model);
        Script script = NewScript(model, name, banks, bank: 0, seed: 3);
        float[][] oneByOne = Alone(model, script);

        using ModelSequence sequence = model.StartSequence(script.Prompt, script.Prompt.Length + Generated);
        float[][] prompt = Step(model, LinearOrder.Many, LogitsWanted.Last, (sequence, script.Prompt, script));
        float[][] answer = Step(model, LinearOrder.Few, LogitsWanted.All, (sequence, script.Answer, script));

        BitEqual(oneByOne, [.. prompt, .. answer]);
    }

    [Fact]
    public void Forward_BanksInTurns_EveryLogitAsAlone()
    {
        using CausalModel model = Load("llama-tiny", DType.F32);
        using var banks = new Banks(model);
        Script[] scripts = [.. Enumerable.Range(0, 20).Select(i => NewScript(model, "llama-tiny", banks, bank: i % 3 - 1, seed: i))];
        ModelSequence[] sequences = [.. scripts.Select(script => model.StartSequence(script.Prompt, script.Prompt.Length))];

        float[][] together = Step(model, LinearOrder.Many, LogitsWanted.Last, [.. scripts.Select((script, i) => (sequences[i], script.Prompt, script))]);

        for (int i = 0; i < scripts.Length; i++)
            BitEqual([Prompt(model, scripts[i], scripts[i].Prompt.Length)[^1]], [together[i]]);
        foreach (ModelSequence sequence in sequences)
            sequence.Dispose();
    }

    /// <summary>A prompt, what is generated after it, and the task.</summary>
    private sealed record Script(int[] Prompt, int[] Answer, TaskGateRows? Gate, DeltaSet? Deltas);

    /// <summary>Two adapters of other modules: one with a gate for all layers, one with a gate for each.</summary>
    private sealed class Banks(CausalModel model) : IDisposable
    {
        public SyntheticAdapter[] Adapters { get; } =
        [
            new(model, slots: 1, _ => true, seed: 1),
            new(model, slots: model.LinearModules.Count, module => module.Index % 3 != 1, seed: 2),
        ];

        public void Dispose()
        {
            foreach (SyntheticAdapter adapter in Adapters)
                adapter.Dispose();
        }
    }

    private static CausalModel Load(string name, DType weights) => name == "one layer"
        ? ModelLoader.Random(ModelShapes.Get("qwen2-0.5b", vocabulary: 320) with { LayerCount = 1 }, Pack.Device("cpu"), weights, seed: 1)
        : ModelLoader.Load(Pack.Directory(name), Pack.Device("cpu"), weights);

    private static Script NewScript(CausalModel model, string name, Banks banks, int bank, int seed)
    {
        var random = new Random(seed);
        int[] prompt = [.. Enumerable.Range(0, PromptTokens - seed).Select(_ => random.Next(5, 300))];
        if (name == "chatglm-tiny")
            prompt = [.. prompt, .. Pack.Prompts(name)[0][^2..]]; // its prompts end with the mask and the start token
        int[] answer = [.. Enumerable.Range(0, Generated).Select(_ => random.Next(5, 300))];
        return bank < 0
            ? new Script(prompt, answer, null, null)
            : new Script(prompt, answer, new TaskGateRows(banks.Adapters[bank].NewGate()), banks.Adapters[bank].Deltas);
    }

    /// <summary>All logits of a prompt that is fed in pieces.</summary>
    private static float[][] Prompt(CausalModel model, Script script, int piece)
    {
        using ModelSequence sequence = model.StartSequence(script.Prompt, script.Prompt.Length);
        var rows = new List<float[]>();
        foreach (int[] tokens in script.Prompt.Chunk(piece))
            rows.AddRange(Step(model, LinearOrder.Many, LogitsWanted.All, (sequence, tokens, script)));
        return [.. rows];
    }

    /// <summary>The logits of a prompt's last token, and of each token after it.</summary>
    private static float[][] Alone(CausalModel model, Script script)
    {
        using ModelSequence sequence = model.StartSequence(script.Prompt, script.Prompt.Length + Generated);
        var rows = new List<float[]>();
        rows.AddRange(Step(model, LinearOrder.Many, LogitsWanted.Last, (sequence, script.Prompt, script)));
        foreach (int token in script.Answer)
            rows.AddRange(Step(model, LinearOrder.Few, LogitsWanted.Last, (sequence, [token], script)));
        return [.. rows];
    }

    private static float[][] Step(CausalModel model, LinearOrder order, LogitsWanted wanted, params (ModelSequence Sequence, int[] Tokens, Script Script)[] parts)
    {
        var batch = new StepBatch { Order = order };
        foreach ((ModelSequence sequence, int[] tokens, Script script) in parts)
            batch.Add(sequence, tokens, wanted, script.Gate, script.Deltas);
        return model.Run(batch);
    }

    private static void BitEqual(float[][] expected, float[][] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int row = 0; row < expected.Length; row++)
            Assert.True(Bits(expected[row]).SequenceEqual(Bits(actual[row])), $"The logits of row {row} differ.");

        static IEnumerable<int> Bits(float[] values) => values.Select(BitConverter.SingleToInt32Bits);
    }
}
