using System.Diagnostics.CodeAnalysis;

namespace MoeLora.Engine.Constraints;

/// <summary>Something that keeps a constraint from being used.</summary>
/// <param name="Pointer">Where: a JSON pointer (RFC 6901) into the schema or the list of options; empty for the whole.</param>
/// <param name="Reason">What is wrong and how to mend it; it quotes names of the schema, never values.</param>
public readonly record struct ConstraintProblem(string Pointer, string Reason);

/// <summary>A constraint, or everything that keeps it from being used.</summary>
public sealed class ConstraintCompilation
{
    internal ConstraintCompilation(ITokenConstraint? constraint, IReadOnlyList<ConstraintProblem> problems)
    {
        Constraint = constraint;
        Problems = problems;
    }

    /// <summary>The constraint; null when there are problems.</summary>
    public ITokenConstraint? Constraint { get; }

    /// <summary>All that is wrong; empty when there is a constraint.</summary>
    public IReadOnlyList<ConstraintProblem> Problems { get; }

    /// <summary>Whether there is a constraint.</summary>
    [MemberNotNullWhen(true, nameof(Constraint))]
    public bool Succeeded => Constraint is not null;
}
