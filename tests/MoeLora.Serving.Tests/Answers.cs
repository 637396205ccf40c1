using System.Text;
using MoeLora.Contracts;

namespace MoeLora.Serving.Tests;

/// <summary>A whole answer.</summary>
internal sealed record CollectedAnswer(string Text, IReadOnlyList<int> Ids, GenerationEvent Last)
{
    public GenerationFinished Finished => Assert.IsType<GenerationFinished>(Last);
}

/// <summary>Asks a grid and reads what it says.</summary>
internal static class Answers
{
    public static GenerationRequest Request(string model, IReadOnlyList<int> prompt, int maxTokens) =>
        new() { Model = ModelRef.Parse(model), Prompt = new TokenPrompt(prompt), MaxTokens = maxTokens, ReturnTokenIds = true };

    public static async Task<CollectedAnswer> AnswerAsync(this IModelGrid grid, GenerationRequest request) =>
        await ReadAsync(await grid.StartAsync(request));

    public static async Task<IAsyncEnumerable<GenerationEvent>> StartAsync(this IModelGrid grid, GenerationRequest request, CancellationToken cancellation = default)
    {
        GridResult<IAsyncEnumerable<GenerationEvent>> result = await grid.GenerateAsync(request, cancellation);
        Assert.True(result.TryGet(out IAsyncEnumerable<GenerationEvent>? events, out GridError? error), error?.Message);
        return events;
    }

    public static async Task<GridError> RefusalAsync(this IModelGrid grid, GenerationRequest request)
    {
        GridResult<IAsyncEnumerable<GenerationEvent>> result = await grid.GenerateAsync(request);
        Assert.False(result.TryGet(out _, out GridError? error));
        return error;
    }

    public static async Task<CollectedAnswer> ReadAsync(IAsyncEnumerable<GenerationEvent> events)
    {
        var text = new StringBuilder();
        var ids = new List<int>();
        GenerationEvent? last = null;
        await foreach (GenerationEvent item in events)
        {
            Assert.False(last is GenerationFinished or GenerationFailed);
            last = item;
            if (item is TokenChunk chunk)
            {
                text.Append(chunk.Text);
                ids.AddRange(chunk.TokenIds);
            }
        }

        return new CollectedAnswer(text.ToString(), ids, last!);
    }
}
