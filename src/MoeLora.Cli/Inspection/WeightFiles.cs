using MoeLora.Models.Checkpoints;

namespace MoeLora.Cli.Inspection;

/// <summary>The files of a checkpoint and what is in them.</summary>
/// <param name="Files">File names.</param>
/// <param name="Bytes">Of all files together.</param>
/// <param name="Tensors">How many there are.</param>
/// <param name="Elements">Of all tensors together, copies included.</param>
/// <param name="Formats">By element format, as the files call it; most elements first.</param>
internal sealed record WeightFiles(IReadOnlyList<string> Files, long Bytes, int Tensors, long Elements, IReadOnlyList<FormatShare> Formats)
{
    /// <summary>Counts.</summary>
    public static WeightFiles Of(Checkpoint checkpoint)
    {
        FormatShare[] formats =
        [
            .. checkpoint.Tensors.Values
                .GroupBy(tensor => tensor.PublishedDType)
                .Select(group => new FormatShare(group.Key, group.Count(), group.Sum(ElementsOf)))
                .OrderByDescending(share => share.Elements),
        ];
        return new WeightFiles(
            [.. checkpoint.Files.Select(file => Path.GetFileName(file))],
            checkpoint.Files.Sum(file => new FileInfo(file).Length),
            checkpoint.Tensors.Count,
            formats.Sum(share => share.Elements),
            formats);
    }

    /// <summary>The product of the shape.</summary>
    public static long ElementsOf(CheckpointTensor tensor) => tensor.Shape.Aggregate(1L, (product, size) => product * size);

    public override string ToString() =>
        FormattableString.Invariant($"{string.Join(", ", Files)}: {Bytes:N0} bytes, {Tensors:N0} tensors, {Elements:N0} elements ({string.Join(", ", Formats.Select(f => FormattableString.Invariant($"{f.Format} {f.Elements:N0}")))})");
}

/// <summary>What has one element format.</summary>
/// <param name="Format">As the file calls it: F32, BF16, torch.FloatStorage.</param>
/// <param name="Tensors">How many.</param>
/// <param name="Elements">Of them together.</param>
internal sealed record FormatShare(string Format, int Tensors, long Elements);
