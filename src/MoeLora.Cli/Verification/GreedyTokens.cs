using MoeLora.Engine.Generation;

namespace MoeLora.Cli.Verification;

/// <summary>The tokens of a generation.</summary>
internal sealed class GreedyTokens : IGenerationOutput
{
    private readonly List<int> _ids = [];

    /// <summary>The likeliest tokens after a prompt, up to and including an end token.</summary>
    /// <exception cref="CommandException">The prompt does not suit the model, or its logits are no numbers.</exception>
    public static IReadOnlyList<int> Generate(Generator generator, TaskModel task, ReadOnlySpan<int> prompt, int maxTokens)
    {
        if (task.Model.FindPromptProblem(prompt) is { } problem)
            throw new CommandException(problem);
        var output = new GreedyTokens();
        GenerationResult result = generator.Run(task, prompt, new GenerationSettings { MaxTokens = maxTokens }, output);
        return result.End == GenerationEnd.UnusableLogits ? throw new CommandException("The logits are not numbers: the model's weights or the adapter are damaged.") : output._ids;
    }

    public void OnToken(int id, string text) => _ids.Add(id);

    public void OnRest(string text)
    {
    }
}
