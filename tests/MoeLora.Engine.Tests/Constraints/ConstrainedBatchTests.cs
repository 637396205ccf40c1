using System.Text;
using System.Text.Json;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Constraints;
using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Engine.Tests.Batching;

namespace MoeLora.Engine.Tests.Constraints;

public sealed class ConstrainedBatchTests : IDisposable
{
    private const string Schema = """
        {"type":"object","properties":{"kind":{"enum":["没有","有"]},"count":{"type":"integer","minimum":0,"maximum":99},"note":{"type":"string","maxLength":12}},"required":["kind","count"],"additionalProperties":false}
        """;

    private static readonly string[] Options = ["没有直接联系", "没有", "name"];

    private readonly EnginePack _pack = new(Pack.Llama);

    public void Dispose() => _pack.Dispose();

    [Fact]
    public void Answers_ConstrainedInAMixedBatch_KeepTheirConstraintsAndEqualThoseAlone()
    {
        int vocabulary = _pack.Pack.Model.Config.VocabularySize;
        var compiler = new ConstraintCompiler(ListTokenizer.Json, vocabulary);
        ITokenConstraint choice = ConstrainedAnswers.Require(compiler.Choice(Options));
        ITokenConstraint schema = ConstrainedAnswers.Require(compiler.JsonSchema(Schema));
        EngineRequest[] requests = [.. Enumerable.Range(0, 9).Select(i => Request(i, (i % 3) switch { 0 => choice, 1 => schema, _ => null }))];
        RecordedOutput[] outputs = [.. requests.Select(request => new RecordedOutput(request.Answers))];

        // So few blocks that answers wait for one another.
        using (BatchEngine engine = _pack.Engine(new EngineOptions { Blocks = 24 }))
        {
            for (int i = 0; i < requests.Length; i++)
                Assert.True(engine.TrySubmit(requests[i], outputs[i]).IsAccepted);
            Array.ForEach(outputs, output => output.Wait());
        }

        int whole = 0;
        for (int i = 0; i < requests.Length; i++)
        {
            RecordedOutput alone = _pack.Alone(requests[i]);
            EngineResult result = outputs[i].Wait();
            for (int answer = 0; answer < requests[i].Answers; answer++)
            {
                Assert.Equal(alone.Ids[answer], outputs[i].Ids[answer]);
                if (requests[i].Settings.Constraint is null || result.Ends[answer] == GenerationEnd.MaxTokens)
                    continue;
                whole++;
                string text = Text(outputs[i].Ids[answer]);
                if (requests[i].Settings.Constraint == choice)
                    Assert.Contains(text, Options);
                else
                    Assert.True(SchemaValidator.IsValid(JsonElement.Parse(Schema), text), text);
            }
        }

        Assert.InRange(whole, 8, 12);
    }

    private EngineRequest Request(int seed, ITokenConstraint? constraint)
    {
        var random = new Random(seed);
        return new EngineRequest
        {
            Task = _pack.All[random.Next(_pack.All.Count)],
            Prompt = _pack.Prompt(random, 5 + random.Next(40)),
            Answers = 2,
            Settings = new GenerationSettings
            {
                MaxTokens = 60,
                Sampling = new SamplingSettings { Temperature = seed % 2, Seed = seed, FrequencyPenalty = seed % 4 * 0.5 },
                Constraint = constraint,
            },
        };
    }

    private string Text(List<int> ids) =>
        Encoding.UTF8.GetString([.. ids.Where(id => !_pack.Pack.Model.Config.EndTokenIds.Contains(id)).SelectMany(id => ListTokenizer.Json.TokenBytes(id).ToArray())]);
}
