using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>Answers that another engine began go on as they would have gone on there, to the last bit of their tokens' log probabilities.</summary>
public sealed class ContinuationTests
{
    [Theory]
    [InlineData(Pack.Llama)]
    [InlineData(Pack.ChatGlm)]
    public void Answers_BegunElsewhere_GoOnAsTheyWouldHaveThere(string name)
    {
        using var pack = new EnginePack(name);
        var random = new Random(21);
        EngineRequest[] requests = [.. Enumerable.Range(0, 16).Select(i => pack.Request(random, answers: 1 + i % 3) with { Tenant = $"tenant {i % 3}" })];
        RecordedOutput[] whole = [.. requests.Select(pack.Alone)];
        EngineRequest[] rest = [.. requests.Zip(whole, (request, there) => request with
        {
            // Any number of tokens of each, none and all included.
            Begun = [.. there.Ids.Select(ids => ids.Take(random.Next(ids.Count + 1)).ToArray())],
        })];

        // Side by side, with too few blocks for all, so that some make room and are computed once more.
        using BatchEngine engine = pack.Engine(new EngineOptions { Blocks = 16, MaxSequences = 12, StepTokens = 50 });
        RecordedOutput[] outputs = [.. requests.Select(request => new RecordedOutput(request.Answers))];
        for (int i = 0; i < rest.Length; i++)
            Assert.True(engine.TrySubmit(rest[i], outputs[i]).IsAccepted);

        for (int i = 0; i < rest.Length; i++)
        {
            EngineResult expected = whole[i].Wait(), result = outputs[i].Wait();
            Assert.Equal(expected.Ends, result.Ends);
            Assert.Equal(expected.CompletionTokens, result.CompletionTokens);
            for (int answer = 0; answer < rest[i].Answers; answer++)
            {
                int begun = rest[i].Begun[answer].Length;
                Assert.Equal(whole[i].Ids[answer].Skip(begun), outputs[i].Ids[answer]);
                Assert.Equal(whole[i].LogProbabilities[answer].Skip(begun), outputs[i].LogProbabilities[answer]);
                int given = whole[i].Lengths[answer].Take(begun).Sum();
                Assert.Equal(whole[i].Text(answer)[given..], outputs[i].Text(answer));
                Assert.Equal(whole[i].Text(answer)[..given], BegunText.Of(new Generation.BracketTokenizer(), rest[i].Settings, pack.Pack.Model.Config, rest[i].Begun[answer]));
            }
        }

        BatchEngineTests.AssertWhole(engine);
    }

    [Fact]
    public void Begun_DoesNotPairOffWithTheAnswers_IsRefused()
    {
        using var pack = new EnginePack(Pack.Llama);
        using BatchEngine engine = pack.Engine();
        EngineRequest request = pack.Request(new Random(1));

        Assert.Throws<ArgumentException>(() => engine.TrySubmit(request with { Begun = [[1], [2]] }, new RecordedOutput()));
        Assert.Throws<ArgumentException>(() => engine.TrySubmit(request with { Begun = [[-1]] }, new RecordedOutput()));
        Assert.Throws<ArgumentException>(() => engine.TrySubmit(request with { Begun = [new int[request.Settings.MaxTokens + 1]] }, new RecordedOutput()));
    }
}
