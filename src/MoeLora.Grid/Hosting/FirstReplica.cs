using MoeLora.Grid.Requests;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Hosting;

/// <summary>Every task has one replica.</summary>
internal sealed class FirstReplica : IReplicas, IDisposable
{
    public TaskKey Choose(string bank, string task) => new(bank, task, 0);

    public IDisposable Begin(TaskKey replica) => this;

    public void Dispose()
    {
    }
}
