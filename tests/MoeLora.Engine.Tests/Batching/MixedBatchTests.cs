using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>An answer is the same, to the last bit of its tokens' log probabilities, whatever else the engine does.</summary>
public sealed class MixedBatchTests
{
    [Theory]
    [InlineData(Pack.Llama)]
    [InlineData(Pack.ChatGlm)]
    public void Answers_InABatchOfSixteen_EqualThoseAlone(string name)
    {
        using var pack = new EnginePack(name);
        EngineRequest[] requests = Requests(pack, 16, 7);

        RecordedOutput[] outputs;
        using (BatchEngine engine = pack.Engine(new EngineOptions { Blocks = 128 }))
        {
            // The later half arrives while the first runs.
            outputs = new RecordedOutput[requests.Length];
            for (int i = 0; i < requests.Length; i++)
            {
                int next = i + requests.Length / 2;
                outputs[i] = new RecordedOutput(requests[i].Answers, count =>
                {
                    if (count == 2 && next < requests.Length)
                        Submit(engine, requests[next], outputs[next]);
                });
                if (requests[i].Settings.MaxTokens < 2)
                    requests[i] = requests[i] with { Settings = requests[i].Settings with { MaxTokens = 2 } };
            }

            for (int i = 0; i < requests.Length / 2; i++)
                Submit(engine, requests[i], outputs[i]);
            foreach (RecordedOutput output in outputs)
                output.Wait();
            BatchEngineTests.AssertWhole(engine);
            Assert.Equal(0, engine.Statistics.Preemptions);
        }

        AssertEqualAlone(pack, requests, outputs);
    }

    [Theory]
    [InlineData(Pack.Llama, 1)]
    [InlineData(Pack.Llama, 17)]
    [InlineData(Pack.Llama, 40)]
    [InlineData(Pack.ChatGlm, 5)]
    public void Answers_WithPromptsInPieces_EqualThoseInOne(string name, int stepTokens)
    {
        using var pack = new EnginePack(name);
        EngineRequest[] requests = Requests(pack, 6, 8);

        RecordedOutput[] outputs = RunAll(pack, requests, new EngineOptions { Blocks = 64, StepTokens = stepTokens }, out _);

        AssertEqualAlone(pack, requests, outputs);
    }

    [Theory]
    [InlineData(Pack.Llama)]
    [InlineData(Pack.ChatGlm)]
    public void Answers_ThatMadeRoomForOthers_EqualThoseThatDidNot(string name)
    {
        using var pack = new EnginePack(name);
        EngineRequest[] requests = Requests(pack, 12, 9, mostTokens: 90, answers: 2);

        // The largest request needs just all blocks.
        RecordedOutput[] outputs = RunAll(pack, requests, new EngineOptions { Blocks = 10, MaxSequences = 12, StepTokens = 50 }, out EngineStatistics statistics);

        Assert.InRange(statistics.Preemptions, 3, 10_000);
        Assert.InRange(statistics.RecomputedTokens, 1, long.MaxValue);
        Assert.Equal(requests.Sum(request => request.Prompt.Length), statistics.PromptTokens); // what is computed again is not counted twice
        AssertEqualAlone(pack, requests, outputs);
    }

    [Fact]
    public void Answers_OfTheSameGroup_EqualThoseAlone()
    {
        // All in shared form, so that more rows run together than the row kernel takes at once.
        using var pack = new EnginePack(Pack.Qwen2);
        EngineRequest[] requests = Requests(pack, 24, 10);
        for (int i = 0; i < requests.Length; i++)
            requests[i] = requests[i] with { Task = pack.Shared[i % pack.Shared.Count] };

        RecordedOutput[] outputs = RunAll(pack, requests, new EngineOptions { Blocks = 200, QueueLength = 64 }, out _);

        AssertEqualAlone(pack, requests, outputs);
    }

    [Fact]
    public void Answer_OfAnEngine_EqualsThatOfTheGenerator()
    {
        using var pack = new EnginePack(Pack.Llama);
        var random = new Random(12);
        using var generator = new Generator(pack.Pack.Model, new Generation.BracketTokenizer());
        for (int i = 0; i < 10; i++)
        {
            EngineRequest request = pack.Request(random);
            var output = new Generation.CollectedOutput();

            GenerationResult result = generator.Run(request.Task, request.Prompt, request.Settings, output);

            RecordedOutput alone = pack.Alone(request);
            Assert.Equal(output.Ids, alone.Ids[0]);
            Assert.Equal(output.Text, alone.Text());
            Assert.Equal([result.End], alone.Wait().Ends);
        }
    }

    internal static void AssertEqualAlone(EnginePack pack, EngineRequest[] requests, RecordedOutput[] outputs)
    {
        for (int i = 0; i < requests.Length; i++)
        {
            RecordedOutput alone = pack.Alone(requests[i]);
            Assert.Equal(alone.Wait().Ends, outputs[i].Wait().Ends);
            for (int answer = 0; answer < requests[i].Answers; answer++)
            {
                Assert.Equal(alone.Ids[answer], outputs[i].Ids[answer]);
                Assert.Equal(alone.LogProbabilities[answer], outputs[i].LogProbabilities[answer]);
                Assert.Equal(alone.Text(answer), outputs[i].Text(answer));
            }
        }
    }

    private static EngineRequest[] Requests(EnginePack pack, int count, int seed, int mostTokens = 30, int answers = 1)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i => pack.Request(random, mostTokens: mostTokens, answers: 1 + i % answers) with { Tenant = $"tenant {i % 3}" })];
    }

    private static RecordedOutput[] RunAll(EnginePack pack, EngineRequest[] requests, EngineOptions options, out EngineStatistics statistics)
    {
        using BatchEngine engine = pack.Engine(options);
        RecordedOutput[] outputs = [.. requests.Select(request => new RecordedOutput(request.Answers))];
        for (int i = 0; i < requests.Length; i++)
            Submit(engine, requests[i], outputs[i]);
        foreach (RecordedOutput output in outputs)
            output.Wait();
        BatchEngineTests.AssertWhole(engine);
        statistics = engine.Statistics;
        return outputs;
    }

    private static void Submit(BatchEngine engine, EngineRequest request, RecordedOutput output)
    {
        SubmitResult result = engine.TrySubmit(request, output);
        Assert.True(result.IsAccepted, result.Problem);
    }
}
