using System.Globalization;
using MoeLora.Cli.Terminals;
using Spectre.Console;

namespace MoeLora.Cli.Benchmarks;

/// <summary>What a suite measured. Also the JSON that is printed, of which scripts read <see cref="Figures"/>.</summary>
/// <param name="Shape">The model's.</param>
/// <param name="Weights">How weights are kept.</param>
/// <param name="Device">What computed.</param>
/// <param name="Figures">By name; see <see cref="Meanings"/>. What could not be measured is not there.</param>
/// <param name="Notes">Why something is not there, or was measured otherwise.</param>
internal sealed record SuiteReport(string Shape, string Weights, string Device, IReadOnlyDictionary<string, double> Figures, IReadOnlyList<string> Notes)
{
    /// <summary>Every figure that a suite may have: its name, and what it is.</summary>
    private static readonly (string Name, string Meaning)[] Meanings =
    [
        ("weight_mb", "weights that a step reads, 10^6 bytes"),
        ("copy_gb_per_second", "copy bandwidth, 10^9 bytes read and written per second"),
        ("prefill", "prefill, tokens/s"),
        ("decode_1", "decode, 1 sequence, own weights, tokens/s"),
        ("decode_8", "decode, 8 sequences, own weights, tokens/s"),
        ("decode_64", "decode, 64 sequences, own weights, tokens/s"),
        ("floor_share", "1 sequence: share of the rate at which copy bandwidth lets its weights be read"),
        ("shared_1", "decode, 1 sequence, shared form, tokens/s"),
        ("shared_8", "decode, 8 sequences, shared form, tokens/s"),
        ("shared_64", "decode, 64 sequences, shared form, tokens/s"),
        ("mixed_shared", "sequences of all tasks, shared form, tokens/s"),
        ("mixed_merged", "the same with a turn for each task's merged weights, tokens/s"),
        ("mixed_ratio", "shared over merged, in turns"),
        ("recovery_ms", "recovery of one task, ms"),
        ("gap_before_ms", "longest gap between two tokens of an answer under load, ms"),
        ("gap_upgrade_ms", "the same while a version is loaded, tried, made active and freed, ms"),
        ("upgrade_ms", "that upgrade, ms"),
        ("train", "training step, adapter on all dense layers, tokens/s"),
    ];

    /// <summary>Prints the report for a person.</summary>
    public void Print(Terminal terminal)
    {
        terminal.Out.WriteLine($"{Shape}, {Weights}, {Device}");
        Table table = new Table { Border = terminal.OutIsTerminal ? TableBorder.Rounded : TableBorder.Ascii }.AddColumns("figure", "value", "what it is");
        table.Columns[1].RightAligned();
        foreach ((string name, string meaning) in Meanings.Where(each => Figures.ContainsKey(each.Name)))
            table.AddRow(new Text(name), new Text(Figures[name].ToString("#,0.###", CultureInfo.InvariantCulture)), new Text(meaning));
        terminal.OutConsole().Write(table);
        foreach (string note in Notes)
            terminal.Out.WriteLine(note);
    }
}
