using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Tasks;

/// <summary>A task of a bank, on one silo: it answers with the weights that its silo's device holds. Its key is a <see cref="TaskKey"/>.</summary>
[Alias("moelora.ITaskGrain")]
public interface ITaskGrain : IGrainWithStringKey
{
    /// <summary>
    /// Answers a request. The first part is <see cref="AnswerPartKind.Started"/>, or a refusal and the only one; the last one <see cref="AnswerPartKind.Finished"/> or
    /// <see cref="AnswerPartKind.Failed"/>. Whoever stops reading ends the answer.
    /// </summary>
    /// <param name="request">What to answer; its model names the bank and the task, and perhaps a version.</param>
    /// <param name="cancellation">Ends the answer.</param>
    [Alias("Generate")]
    IAsyncEnumerable<AnswerPart> GenerateAsync(RequestMessage request, CancellationToken cancellation = default);
}
