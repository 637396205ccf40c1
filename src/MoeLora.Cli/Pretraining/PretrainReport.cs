using System.Globalization;
using MoeLora.Cli.Terminals;

namespace MoeLora.Cli.Pretraining;

/// <summary>What <c>moelora pretrain</c> made. Loss, tokens and times are of the steps since the run was last taken up; without a step they are null or 0.</summary>
internal sealed record PretrainReport
{
    public required string Out { get; init; }

    public required long Parameters { get; init; }

    /// <summary>Tokens of the tokenizer.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>Of the whole run.</summary>
    public required long Steps { get; init; }

    /// <summary>Averaged over about the last 50 steps.</summary>
    public required double? Loss { get; init; }

    public required long Tokens { get; init; }

    public required double Seconds { get; init; }

    public required double? TokensPerSecond { get; init; }

    public void Print(Terminal terminal)
    {
        FormattableString line = $"{Out}: {Parameters:N0} parameters, {Vocabulary} tokens; {Steps} steps, {Tokens:N0} tokens in {Seconds:0} s ({TokensPerSecond:N0} tokens/s), loss {Loss:0.000}.";
        terminal.Out.WriteLine(line.ToString(CultureInfo.InvariantCulture));
    }
}
