namespace MoeLora.Contracts;

/// <summary>What an answer must look like: enforced at every token.</summary>
public abstract record OutputConstraint
{
    private protected OutputConstraint()
    {
    }
}

/// <summary>The answer is one of these texts, exactly.</summary>
/// <param name="Options">1 to <see cref="MaxOptions"/>, none empty.</param>
public sealed record ChoiceOutput(IReadOnlyList<string> Options) : OutputConstraint
{
    /// <summary>Most options.</summary>
    public const int MaxOptions = 1024;

    /// <summary>The number, never the texts.</summary>
    public override string ToString() => $"{Options.Count} options";
}

/// <summary>The answer is JSON that is valid under a schema of the documented subset.</summary>
/// <param name="Schema">The schema as JSON text.</param>
public sealed record JsonSchemaOutput(string Schema) : OutputConstraint
{
    /// <summary>The size, never the text.</summary>
    public override string ToString() => $"JSON schema of {Schema.Length} characters";
}

/// <summary>The answer is any JSON object.</summary>
public sealed record JsonObjectOutput : OutputConstraint;
