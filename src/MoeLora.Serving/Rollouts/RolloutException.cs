using MoeLora.Contracts;

namespace MoeLora.Serving.Rollouts;

/// <summary>A command cannot be carried out, for an expected reason. Becomes its value where the command came in.</summary>
internal sealed class RolloutException(GridError error, Exception? inner = null) : Exception(error.Message, inner)
{
    public GridError Error => error;
}
