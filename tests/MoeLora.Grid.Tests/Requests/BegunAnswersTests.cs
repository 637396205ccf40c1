using System.Text;
using System.Text.Json;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Requests;
using MoeLora.Serving;

namespace MoeLora.Grid.Tests.Requests;

/// <summary>What breaks off on one node and goes on on another is what one node gives undisturbed: every token, text, probability, end and count.</summary>
public sealed class BegunAnswersTests : IClassFixture<BegunAnswersTests.TwoNodes>
{
    private readonly TwoNodes _nodes;

    public BegunAnswersTests(TwoNodes nodes) => _nodes = nodes;

    /// <summary>Requests of every kind that keeps state beside the tokens.</summary>
    public static TheoryData<string> Kinds => [.. Requests.Keys];

    private static Dictionary<string, Func<GenerationRequest, GenerationRequest>> Requests { get; } = new()
    {
        ["greedy"] = request => request,
        ["sampled"] = request => request with { Temperature = 1.2, TopP = 0.95, RepetitionPenalty = 1.1, FrequencyPenalty = 0.3, PresencePenalty = 0.2 },
        ["with probabilities"] = request => request with { Temperature = 0.8, TopLogProbs = 3 },
        ["several answers"] = request => request with { Temperature = 1, Answers = 3, Seed = 7 },
        ["stop string"] = request => request with { Stop = ["。", "天"] },
        ["cut off"] = request => request with { MaxTokens = 5, Temperature = 1.5 },
        ["one of choices"] = request => request with { Temperature = 1, Constraint = new ChoiceOutput(["建议做心电图检查。", "建议多休息。", "不知道"]) },
        ["JSON"] = request => request with { Temperature = 1, MaxTokens = 60, Constraint = new JsonSchemaOutput("""{"type":"object","properties":{"n":{"type":"integer"},"s":{"type":"string","maxLength":8}},"required":["n","s"],"additionalProperties":false}""") },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Answer_BrokenOffAnywhere_GoesOnElsewhereAsIfUndisturbed(string kind)
    {
        GenerationRequest request = Requests[kind](new GenerationRequest { Model = ModelRef.Parse("demo/MedDG"), Prompt = new TextPrompt(_nodes.Prompt), MaxTokens = 24, ReturnTokenIds = true });
        var task = new NamedTask("demo", "MedDG", null);
        // The seed is chosen by the first node: the undisturbed answer has it from there.
        var first = new BegunAnswers(request, task);
        Told whole = await ReadAsync(_nodes.First, first, new Told(request.Answers), int.MaxValue);
        request = request with { Seed = whole.Finished!.Provenance.Seed };

        for (int cut = 0; cut <= whole.Events; cut++)
        {
            var begun = new BegunAnswers(request, task);
            Told told = await ReadAsync(_nodes.First, begun, new Told(request.Answers), cut);
            if (told.Finished is null)
                await ReadAsync(_nodes.Second, begun, told, int.MaxValue);

            Assert.Equal(whole.Tokens, told.Tokens);
            Assert.Equal(whole.Texts.Select(text => text.ToString()), told.Texts.Select(text => text.ToString()));
            Assert.Equal(whole.Texts.Select(text => text.ToString()), told.Recorded.Select(text => text.ToString()));
            Assert.Equal(whole.LogProbs, told.LogProbs);
            Assert.Equal(whole.Finished.Reasons, told.Finished!.Reasons);
            Assert.Equal(whole.Finished.Usage with { CachedTokens = 0 }, told.Finished.Usage with { CachedTokens = 0 });
            Assert.Equal(whole.Finished.Provenance.Seed, told.Finished.Provenance.Seed);
        }
    }

    [Fact]
    public void Answer_ThatOtherWeightsWouldGoOnWith_IsRefused()
    {
        var request = new GenerationRequest { Model = ModelRef.Parse("demo/MedDG"), Prompt = new TextPrompt("x") };
        var begun = new BegunAnswers(request, new NamedTask("demo", "MedDG", null));
        var made = new Provenance { BaseModelHash = "b", AdapterHash = "one", Mode = ServingMode.Shared, Device = "cpu", Seed = 1, WeightsFormat = "f32" };
        begun.Take(new GenerationStarted(made, 1));

        Assert.Null(begun.FindDifference(made with { Node = "another", Device = "another" }));
        Assert.Contains("one", begun.FindDifference(made with { AdapterHash = "two" }), StringComparison.Ordinal);
        Assert.Contains("q8", begun.FindDifference(made with { WeightsFormat = "q8" }), StringComparison.Ordinal);
    }

    [Fact]
    public void Answer_ThatWentOnElsewhere_NamesWhoGaveItsFirstParts()
    {
        var request = new GenerationRequest { Model = ModelRef.Parse("demo/MedDG"), Prompt = new TextPrompt("x") };
        var begun = new BegunAnswers(request, new NamedTask("demo", "MedDG", null));
        var made = new Provenance { BaseModelHash = "b", AdapterHash = "one", Node = "a", Mode = ServingMode.Merged, Device = "cpu", Seed = 1, WeightsFormat = "f32" };
        var end = new GenerationFinished([FinishReason.Stop], new TokenUsage(1, 3), default, made with { Node = "c", Mode = ServingMode.Shared });
        begun.Take(new GenerationStarted(made, 1));
        Assert.Empty(begun.Complete(end).Provenance.Earlier);

        begun.Take(new TokenChunk("xy", [1, 2]));
        begun.Take(new GenerationStarted(made with { Node = "b" }, 1)); // lost before it gave anything
        begun.Take(new GenerationStarted(end.Provenance, 1));
        begun.Take(new TokenChunk("z", [3]));

        Assert.Equal([new EarlierPart("a", ServingMode.Merged, "cpu", 2)], begun.Complete(end).Provenance.Earlier);
        Assert.Equal(("c", ServingMode.Shared), (begun.Complete(end).Provenance.Node, begun.Complete(end).Provenance.Mode));
    }

    /// <summary>Reads so many events, as they come over the wire.</summary>
    private static async Task<Told> ReadAsync(LocalGrid node, BegunAnswers begun, Told told, int most)
    {
        if (most == 0)
            return told;
        GenerationRequest sent = RequestMessage.Of(begun.Rest).ToRequest() with { Model = ModelRef.Parse("MedDG") }; // a node of one adapter knows no bank
        Assert.True((await node.GenerateAsync(sent)).TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error), error?.Message);
        await foreach (GenerationEvent item in events.SelectMany(each => AnswerPart.Of(told.Record(each)).Select(part => part.ToEvent()).ToAsyncEnumerable()))
        {
            if (begun.Take(item))
                told.Add(item);
            if (told.Events >= most)
                break;
        }

        return told;
    }

    /// <summary>What a caller was told.</summary>
    private sealed class Told(int answers)
    {
        public int Events { get; private set; }

        public List<int>[] Tokens { get; } = [.. Enumerable.Range(0, answers).Select(_ => new List<int>())];

        public StringBuilder[] Texts { get; } = [.. Enumerable.Range(0, answers).Select(_ => new StringBuilder())];

        /// <summary>The answers as the last node records them.</summary>
        public StringBuilder[] Recorded { get; } = [.. Enumerable.Range(0, answers).Select(_ => new StringBuilder())];

        public List<double>[] LogProbs { get; } = [.. Enumerable.Range(0, answers).Select(_ => new List<double>())];

        public GenerationFinished? Finished { get; private set; }

        public GenerationEvent Record(GenerationEvent item)
        {
            for (int i = 0; item is GenerationStarted started && i < Recorded.Length; i++)
                Recorded[i].Clear().Append(started.Begun.Count > 0 ? started.Begun[i] : "");
            if (item is TokenChunk chunk)
                Recorded[chunk.Answer].Append(chunk.Text);
            return item;
        }

        public void Add(GenerationEvent item)
        {
            Events++;
            if (item is TokenChunk chunk)
            {
                Tokens[chunk.Answer].AddRange(chunk.TokenIds);
                Texts[chunk.Answer].Append(chunk.Text);
                LogProbs[chunk.Answer].AddRange(chunk.LogProbs.SelectMany(probabilities => (double[])[probabilities.Chosen.LogProb, .. probabilities.Top.Select(one => one.LogProb)]));
            }

            Finished = item as GenerationFinished;
        }
    }

    /// <summary>Two nodes with the demo's second version.</summary>
    public sealed class TwoNodes : IAsyncLifetime
    {
        public LocalGrid First { get; } = new(Options);

        public LocalGrid Second { get; } = new(Options);

        public string Prompt { get; } = File.ReadLines(DemoFiles.Records).Select(line => JsonDocument.Parse(line).RootElement)
            .First(record => record.GetProperty("task_dataset").GetString() == "MedDG").GetProperty("input").GetString()!;

        private static LocalGridOptions Options => new() { ModelDirectory = DemoFiles.Base, AdapterDirectory = DemoFiles.Bundle(2), Threads = 1 };

        public async Task InitializeAsync()
        {
            await First.LoadAsync();
            await Second.LoadAsync();
        }

        public async Task DisposeAsync()
        {
            await First.DisposeAsync();
            await Second.DisposeAsync();
        }
    }
}
