using System.Globalization;
using MoeLora.Cli.Terminals;
using MoeLora.Contracts;

namespace MoeLora.Cli.Generation;

/// <summary>Prints an answer while it comes: its text, or its token ids where the model has no tokenizer.</summary>
internal sealed class AnswerPrinter(Terminal terminal, bool hasText, bool isSilent)
{
    private bool _begun;

    /// <summary>Prints what came, at once.</summary>
    public void Print(GenerationEvent item)
    {
        if (isSilent || item is not TokenChunk chunk)
            return;
        if (hasText)
        {
            terminal.Out.Write(chunk.Text);
        }
        else
        {
            foreach (int id in chunk.TokenIds)
            {
                terminal.Out.Write(string.Create(CultureInfo.InvariantCulture, $"{(_begun ? " " : "")}{id}"));
                _begun = true;
            }
        }

        terminal.Out.Flush();
    }

    /// <summary>Ends the line, and says on standard error how it went.</summary>
    public void PrintEnd(AnswerReport report)
    {
        terminal.Out.WriteLine();
        string rate = report.Timings.DecodeTokensPerSecond is { } speed ? string.Create(CultureInfo.InvariantCulture, $", {speed:F1} tokens/s") : "";
        terminal.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.CompletionTokens} tokens in {report.Timings.AnswerSeconds:F2} s{rate}: {report.FinishReason}"));
    }
}
