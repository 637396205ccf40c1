using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Requests;

/// <summary>Which replica of a task gets a request.</summary>
internal interface IReplicas
{
    /// <summary>Chooses one.</summary>
    /// <param name="bank">The bank.</param>
    /// <param name="task">The task's name, or its id where it has none.</param>
    /// <param name="avoid">The number of a replica that has just failed: another one answers if there is or may be one. Null for none.</param>
    TaskKey Choose(string bank, string task, int? avoid = null);

    /// <summary>Counts a request on a replica until it is disposed of.</summary>
    IDisposable Begin(TaskKey replica);
}
