namespace MoeLora.Grid.Placement;

/// <summary>No silo can take a task grain. Its message says what each of them lacks; it reaches whoever called the grain.</summary>
[GenerateSerializer, Alias("moelora.no-eligible-silo")]
public sealed class NoEligibleSiloException : OrleansException
{
    /// <summary>Without a message.</summary>
    public NoEligibleSiloException()
    {
    }

    /// <summary>With what every silo lacks.</summary>
    public NoEligibleSiloException(string message)
        : base(message)
    {
    }

    /// <summary>With what every silo lacks, and its cause.</summary>
    public NoEligibleSiloException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
