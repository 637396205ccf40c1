using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Inspection;

/// <summary>What something on disk is; serialised as it stands for <c>--json</c>.</summary>
internal interface IInspection
{
    /// <summary>model, adapter or checkpoint.</summary>
    string Kind { get; }

    /// <summary>Prints it for a person.</summary>
    void Print(Terminal terminal);
}
