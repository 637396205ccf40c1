using MoeLora.Models;

namespace MoeLora.Engine.Batching.Steps;

/// <summary>A sequence's part of a step: the next tokens of a prompt, or of an answer.</summary>
/// <param name="Job">Whose.</param>
/// <param name="Answer">Which answer; null for the prompt.</param>
/// <param name="Count">Tokens to feed.</param>
/// <param name="WantsToken">Whether a token is to be chosen after the last of them.</param>
internal readonly record struct StepFeed(EngineJob Job, EngineAnswer? Answer, int Count, bool WantsToken)
{
    /// <summary>What they are fed to; null when its request has ended meanwhile.</summary>
    public ModelSequence? Sequence => Answer is null ? Job.Prompt : Answer.Sequence;

    /// <summary>The tokens.</summary>
    public ReadOnlySpan<int> Tokens => Answer is null ? Job.Request.Prompt.AsSpan(Job.Prompt!.Length, Count) : Answer.Pending[..Count];

    /// <summary>So much of a prompt. No token is chosen after one whose answers have all begun.</summary>
    public static StepFeed OfPrompt(EngineJob job, int count) =>
        new(job, null, count, job.Prompt!.Length + count == job.Request.Prompt.Length && job.WantsFirstToken);

    /// <summary>So many tokens of an answer.</summary>
    public static StepFeed OfAnswer(EngineJob job, EngineAnswer answer, int count) => new(job, answer, count, count == answer.Pending.Length);
}
