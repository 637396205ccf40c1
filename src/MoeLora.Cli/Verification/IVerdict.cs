using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Verification;

/// <summary>The end of a verification; serialised as it stands for <c>--json</c>.</summary>
internal interface IVerdict
{
    /// <summary>Whether nothing is wrong, and something was compared.</summary>
    bool Passed { get; }

    /// <summary>Prints it for a person.</summary>
    void Print(Terminal terminal);
}
