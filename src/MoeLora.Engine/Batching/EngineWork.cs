namespace MoeLora.Engine.Batching;

/// <summary>Work for the model's thread.</summary>
internal sealed class EngineWork(Action work)
{
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Completion => _completion.Task;

    public void Run()
    {
        try
        {
            work();
            _completion.TrySetResult();
        }
        catch (Exception exception)
        {
            _completion.TrySetException(exception);
        }
    }

    public void Cancel() => _completion.TrySetCanceled();
}
