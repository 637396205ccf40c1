using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Requests;

/// <summary>Which replica of a task gets a request.</summary>
internal interface IReplicas
{
    /// <summary>Chooses one.</summary>
    TaskKey Choose(string bank, string task);

    /// <summary>Counts a request on a replica until it is disposed of.</summary>
    IDisposable Begin(TaskKey replica);
}
