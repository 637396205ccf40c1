using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Configs;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>Contexts so long that attention is divided among threads, and rows of many sequences: every bit of an answer stays its own, in every format of weights.</summary>
public sealed class LongPromptTests
{
    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.BF16)]
    [InlineData(DType.Q8)]
    public void Answers_OfLongAndShortPrompts_EqualThoseAlone(DType weights)
    {
        using var device = new CpuDevice(2);
        using CausalModel model = ModelLoader.Random(Config, device, weights, seed: 5);
        var random = new Random(6);
        EngineRequest[] requests =
        [
            .. new[] { 1400, 3, 700, 40, 20, 1100, 9, 64 }.Select((length, i) => new EngineRequest
            {
                Task = TaskModel.Own(model),
                Prompt = [.. Enumerable.Range(0, length).Select(_ => random.Next(1, 300))],
                Settings = new GenerationSettings { MaxTokens = 12, Sampling = new SamplingSettings { Temperature = 1, Seed = i, LogProbabilities = 0 } },
                Tenant = $"{i}",
            }),
        ];

        RecordedOutput[] alone = [.. requests.SelectMany(request => Run(model, [request], stepTokens: 2048))];
        RecordedOutput[] together = Run(model, requests, stepTokens: 150);

        for (int i = 0; i < requests.Length; i++)
        {
            Assert.Equal(alone[i].Ids[0], together[i].Ids[0]);
            Assert.Equal(alone[i].LogProbabilities[0], together[i].LogProbabilities[0]);
        }
    }

    private static LlamaConfig Config => new()
    {
        ModelType = "llama",
        VocabularySize = 300,
        HiddenSize = 96,
        IntermediateSize = 200,
        LayerCount = 2,
        HeadCount = 6,
        KeyValueHeadCount = 2,
        HeadDim = 16,
        MaxPositions = 2048,
        NormEpsilon = 1e-5f,
        EndTokenIds = [0],
        RopeTheta = 1e4,
        QueryKeyValueBias = false,
        OutputBias = false,
        MlpBias = false,
        TieWordEmbeddings = false,
    };

    private static RecordedOutput[] Run(CausalModel model, EngineRequest[] requests, int stepTokens)
    {
        using var engine = new BatchEngine(model, null, new EngineOptions { Blocks = 160, StepTokens = stepTokens });
        RecordedOutput[] outputs = [.. requests.Select(_ => new RecordedOutput())];
        for (int i = 0; i < requests.Length; i++)
            Assert.True(engine.TrySubmit(requests[i], outputs[i]).IsAccepted);
        foreach (RecordedOutput output in outputs)
            Assert.Null(output.Wait().Failure);
        return outputs;
    }
}
