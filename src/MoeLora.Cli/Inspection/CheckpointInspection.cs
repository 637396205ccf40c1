using MoeLora.Cli.Terminals;
using MoeLora.Models.Checkpoints;
using Spectre.Console;

namespace MoeLora.Cli.Inspection;

/// <summary>What a single checkpoint file, or an index with its shards, holds. Also the JSON that is printed.</summary>
internal sealed record CheckpointInspection : IInspection
{
    public string Kind => "checkpoint";

    public required string Path { get; init; }

    public required WeightFiles Weights { get; init; }

    /// <summary>By name.</summary>
    public required IReadOnlyList<StoredTensor> Tensors { get; init; }

    /// <summary>Free text beside the tensors.</summary>
    public required IReadOnlyDictionary<string, string> Metadata { get; init; }

    /// <summary>Reads the headers.</summary>
    /// <exception cref="CheckpointException">The file cannot be used.</exception>
    public static CheckpointInspection Read(string file)
    {
        using Checkpoint checkpoint = Checkpoint.Open(file);
        return new CheckpointInspection
        {
            Path = file,
            Weights = WeightFiles.Of(checkpoint),
            Tensors = [.. checkpoint.Tensors.Values.OrderBy(tensor => tensor.Name, StringComparer.Ordinal).Select(tensor => new StoredTensor(tensor.Name, tensor.PublishedDType, tensor.Shape))],
            Metadata = checkpoint.Metadata,
        };
    }

    public void Print(Terminal terminal)
    {
        terminal.Out.WriteLine($"checkpoint   {Path}");
        terminal.Out.WriteLine($"weights      {Weights}");
        foreach ((string key, string value) in Metadata)
            terminal.Out.WriteLine($"metadata     {Printable(key)}: {Printable(value)}");
        var table = new Table { Border = TableBorder.None };
        table.AddColumns("tensor", "format", "shape");
        foreach (StoredTensor tensor in Tensors)
            table.AddRow(new Text(Printable(tensor.Name)), new Text(tensor.Format), new Text($"[{string.Join(", ", tensor.Shape)}]"));
        terminal.OutConsole().Write(table);
    }

    // Names come from a file: no control characters may reach a terminal.
    private static string Printable(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));
}

/// <summary>One tensor of a file.</summary>
internal sealed record StoredTensor(string Name, string Format, IReadOnlyList<int> Shape);
