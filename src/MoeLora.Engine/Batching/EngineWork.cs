namespace MoeLora.Engine.Batching;

/// <summary>Work for the model's thread.</summary>
internal sealed class EngineWork(Action work)
{
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Completion => _completion.Task;

    /// <param name="judge">What an exception is to who waits.</param>
    public void Run(Func<Exception, Exception> judge)
    {
        try
        {
            work();
            _completion.TrySetResult();
        }
        catch (Exception exception)
        {
            _completion.TrySetException(judge(exception));
        }
    }

    public void Cancel() => _completion.TrySetCanceled();
}
