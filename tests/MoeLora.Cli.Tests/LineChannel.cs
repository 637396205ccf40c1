using System.Threading.Channels;

namespace MoeLora.Cli.Tests;

/// <summary>A writer for programs that still run: hands every whole line to one reader.</summary>
internal sealed class LineChannel : TextWriter
{
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();

    public override System.Text.Encoding Encoding => System.Text.Encoding.UTF8;

    /// <summary>Whether a line waits to be read.</summary>
    public bool HasLine => _lines.Reader.TryPeek(out _);

    public Task<string> ReadAsync() => _lines.Reader.ReadAsync().AsTask();

    public override void Write(char value) => throw new NotSupportedException("Only whole lines are expected.");

    public override void WriteLine(string? value) => _lines.Writer.TryWrite(value ?? "");
}
