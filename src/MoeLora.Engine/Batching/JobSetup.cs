using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Models;
using MoeLora.Models.Tokenizers;
using MoeLora.Tensors;

namespace MoeLora.Engine.Batching;

/// <summary>Makes what a request needs once its turn comes; what waits holds only its prompt.</summary>
internal sealed class JobSetup(KvPool pool, ModelConfig config, ITokenizer? tokenizer)
{
    /// <returns>Why answers that had begun elsewhere are whole already, by answer; null for those that go on.</returns>
    public GenerationEnd?[] Prepare(EngineJob job)
    {
        EngineRequest request = job.Request;
        GenerationSettings settings = request.Settings;
        job.EndTokens = settings.EndTokens(config);
        job.SharesPrefix = request.PrefixKey is not null && IsCausal(request);
        job.Answers = [.. Enumerable.Range(0, request.Answers).Select(Answer)];
        return Array.ConvertAll(job.Answers, TakeBegun);

        EngineAnswer Answer(int index) => new(
            index,
            new SamplingState(settings.Sampling.ForAnswer(index), request.Prompt, settings.Constraint, job.EndTokens),
            new AnswerText(tokenizer, settings.Stop),
            settings.MaxTokens);

        GenerationEnd? TakeBegun(EngineAnswer answer)
        {
            GenerationEnd? end = null;
            foreach (int token in request.Begun.Count == 0 ? [] : request.Begun[answer.Index])
            {
                end = answer.Append(token, job.EndTokens, out _);
                job.Generated++;
                if (end is not null)
                    break;
            }

            return end;
        }
    }

    /// <summary>Whether the beginning of a prompt does not depend on the rest of it.</summary>
    private bool IsCausal(EngineRequest request)
    {
        using ModelSequence sequence = request.Task.Model.StartSequence(request.Prompt, pool.CreateCache());
        return sequence.VisiblePrefix == 0;
    }
}
