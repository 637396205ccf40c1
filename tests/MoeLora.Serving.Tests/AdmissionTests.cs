using MoeLora.Contracts;

namespace MoeLora.Serving.Tests;

public sealed class AdmissionTests(AdmissionTests.ServedPack served) : IClassFixture<AdmissionTests.ServedPack>
{
    [Fact]
    public async Task Model_ThatIsUnknown_IsRefusedWithTheOnesThereAre()
    {
        GridError error = await served.Grid.RefusalAsync(Answers.Request("7", [1], 1));

        Assert.Equal(GridErrorKind.ModelNotFound, error.Kind);
        Assert.Equal("model", error.Param);
        Assert.Equal("There is no task '7'. There are: triage (1), 诊断 (2), c (3), d (4), e (5), f (6).", error.Message);
    }

    [Theory]
    [InlineData("诊断")]
    [InlineData("2")]
    [InlineData("02")]
    public async Task Model_ByNameOrId_IsFound(string text)
    {
        Assert.True((await served.Grid.FindModelAsync(ModelRef.Parse(text))).TryGet(out ModelDescription? model, out _));

        Assert.Equal(("诊断", 2), (model.Id, model.TaskId!.Value));
    }

    [Fact]
    public async Task Prompt_AndAnswerOfExactlyTheContext_AreTaken()
    {
        CollectedAnswer answer = await served.Grid.AnswerAsync(Answers.Request("triage", [.. Enumerable.Repeat(33, 510)], 2));

        Assert.Equal(2, answer.Ids.Count);
    }

    [Theory]
    [InlineData(510, 3, "max_tokens", "The model's context is 512 tokens: the prompt has 510, and 3 more are asked for. Ask for at most 2, or shorten the prompt.")]
    [InlineData(600, 1, "prompt", "The model's context is 512 tokens: the prompt has 600, which leaves no room for an answer. Shorten it.")]
    [InlineData(9, int.MaxValue, "max_tokens", "The model's context is 512 tokens: the prompt has 9, and 2147483647 more are asked for. Ask for at most 503, or shorten the prompt.")]
    public async Task Prompt_BeyondTheContext_IsRefusedWithTheNumbers(int prompt, int maxTokens, string param, string message)
    {
        GridError error = await served.Grid.RefusalAsync(Answers.Request("triage", [.. Enumerable.Repeat(33, prompt)], maxTokens));

        Assert.Equal(new GridError(GridErrorKind.ContextLengthExceeded, message, param), error);
    }

    [Fact]
    public async Task Prompt_OfATokenOutsideTheVocabulary_IsRefused()
    {
        GridError error = await served.Grid.RefusalAsync(Answers.Request("triage", [1, 320], 1));

        Assert.Equal((GridErrorKind.InvalidRequest, "prompt"), (error.Kind, error.Param));
        Assert.Contains("320", error.Message);
    }

    [Fact]
    public async Task Request_WithSeveralProblems_IsRefusedWithAll()
    {
        GridError error = await served.Grid.RefusalAsync(Answers.Request("triage", [], 0));

        Assert.Equal("'prompt' must hold at least one token. 'max_tokens' must be at least 1.", error.Message);
    }

    [Fact]
    public async Task Text_IsEncodedAndDecoded()
    {
        // Task 3 answers this prompt with 33 and then only 65, which are "B" and "b" in the byte alphabet's order from "!".
        GenerationRequest request = Answers.Request("c", Packs.Prompt(Packs.Qwen2), 12);
        CollectedAnswer expected = await served.Grid.AnswerAsync(request);
        Assert.Equal("Bbbbbbbbbbbb", expected.Text);

        CollectedAnswer stopped = await served.Grid.AnswerAsync(request with { Stop = ["bbb"] });

        Assert.Equal("B", stopped.Text);
        Assert.Equal(4, stopped.Ids.Count);
        Assert.Equal(FinishReason.Stop, stopped.Finished.Reason);
        GenerationRequest text = request with { Prompt = new TextPrompt("Bb"), MaxTokens = 1 };
        Assert.Equal(
            (await served.Grid.AnswerAsync(text)).Ids,
            (await served.Grid.AnswerAsync(text with { Prompt = new TokenPrompt([33, 65]) })).Ids);
        Assert.Equal(2, (await served.Grid.AnswerAsync(text)).Finished.Usage.PromptTokens);
    }

    [Fact]
    public async Task Text_WithoutATokenizer_IsRefusedWithTheReasonAndWithoutThePath()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.Qwen2));
        await grid.LoadAsync();
        GenerationRequest request = Answers.Request("1", [1], 1);

        GridError[] errors =
        [
            await grid.RefusalAsync(request with { Prompt = new TextPrompt("text") }),
            await grid.RefusalAsync(request with { Stop = ["."] }),
            await grid.RefusalAsync(request with { ReturnTokenIds = false }),
        ];

        Assert.Equal(["prompt", "stop", "return_token_ids"], errors.Select(error => error.Param));
        Assert.All(errors, error => Assert.Contains("qwen2-tiny has no tokenizer.json", error.Message));
        Assert.All(errors, error => Assert.DoesNotContain(Packs.Data, error.Message));
    }

    [Fact]
    public async Task ChatGlmPrompt_WithoutItsMaskToken_IsRefused()
    {
        await using var grid = new LocalGrid(Packs.Shared(Packs.ChatGlm));
        await grid.LoadAsync();

        GridError error = await grid.RefusalAsync(Answers.Request("1", [1, 2, 3], 1));

        Assert.Equal((GridErrorKind.InvalidRequest, "prompt"), (error.Kind, error.Param));
        Assert.Contains("[gMASK] 315", error.Message);
    }

    /// <summary>The Qwen2 pack with a tokenizer and named tasks, served once for all tests of the class.</summary>
    public sealed class ServedPack : IAsyncLifetime
    {
        private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("moelora-");
        private LocalGrid? _grid;

        internal LocalGrid Grid => _grid!;

        public Task InitializeAsync()
        {
            string names = Path.Combine(_directory.FullName, "task_dataset.json");
            File.WriteAllText(names, """{"str2id": {"triage": 1, "诊断": 2, "c": 3, "d": 4, "e": 5, "f": 6}}""");
            _grid = new LocalGrid(new LocalGridOptions
            {
                ModelDirectory = Packs.WithTokenizer(Path.Combine(_directory.FullName, "with-tokenizer")),
                AdapterDirectory = Packs.AdapterOf(Packs.Qwen2),
                TaskNamesFile = names,
                Threads = 2,
            });
            return _grid.LoadAsync();
        }

        public async Task DisposeAsync()
        {
            await Grid.DisposeAsync();
            _directory.Delete(recursive: true);
        }
    }
}
