using MoeLora.Contracts;

namespace MoeLora.Client;

/// <summary>A grid did not answer, told as an exception where an interface leaves no other way.</summary>
/// <param name="error">Why.</param>
public sealed class MoeLoraException(GridError error) : Exception(error.Message)
{
    /// <summary>Why: its kind, the value that is wrong, and when to try again.</summary>
    public GridError Error => error;
}
