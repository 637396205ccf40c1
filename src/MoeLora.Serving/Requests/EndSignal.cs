using MoeLora.Contracts;

namespace MoeLora.Serving.Requests;

/// <summary>Ends a group of answers early, each with the same error.</summary>
internal sealed class EndSignal
{
    private readonly CancellationTokenSource _source = new();

    /// <summary>Why; null until it is raised.</summary>
    public GridError? Error { get; private set; }

    public CancellationToken Token => _source.Token;

    public void Raise(GridError error)
    {
        Error = error;
        _source.Cancel();
    }
}
