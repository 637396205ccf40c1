using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Models.Architectures;

/// <summary>Compares a checkpoint's tensors with what a config asks for, before anything is read or allocated.</summary>
internal static class LayoutCheck
{
    /// <exception cref="CheckpointException">Lists every missing, unexpected and mis-shaped tensor.</exception>
    public static void Require(ModelLayout layout, Checkpoint checkpoint)
    {
        var problems = new List<string>();
        var expected = new HashSet<string>(layout.Weights.Count);
        foreach (WeightSpec spec in layout.Weights)
        {
            expected.Add(spec.Name);
            if (!checkpoint.Tensors.TryGetValue(spec.Name, out CheckpointTensor? found))
                problems.Add($"missing: {spec.Name} {spec.ShapeText}");
            else if (found.DType is null)
                problems.Add($"dtype: {spec.Name} is {found.PublishedDType}; weights are F32, F16 or BF16");
            else if (!spec.HasShape(found.Shape))
                problems.Add($"shape: {spec.Name} is {found.ShapeText}, the config asks for {spec.ShapeText}");
        }

        foreach (string name in checkpoint.Tensors.Keys.Order(StringComparer.Ordinal))
        {
            if (expected.Contains(name) || layout.HarmlessSuffixes.Any(suffix => name.EndsWith(suffix, StringComparison.Ordinal)))
                continue;
            if (!layout.TiedCopies.TryGetValue(name, out string? original))
                problems.Add($"unexpected: {ProblemList.Quote(name)} {checkpoint.Tensors[name].ShapeText}");
            else if (checkpoint.Tensors.ContainsKey(original) && !SameElements(checkpoint, name, original))
                problems.Add($"not tied: {name} differs from {original}, though the config says that they are one tensor (tie_word_embeddings)");
        }

        if (problems.Count > 0)
        {
            throw new CheckpointException(
                $"The tensors in {string.Join(", ", checkpoint.Files)} do not fit the config; {problems.Count} differ:\n  " + string.Join("\n  ", problems));
        }
    }

    private static unsafe bool SameElements(Checkpoint checkpoint, string name, string original)
    {
        CheckpointTensor a = checkpoint.Tensors[name], b = checkpoint.Tensors[original];
        if (a.DType is null || a.DType != b.DType || !a.Shape.SequenceEqual(b.Shape))
            return false;
        TensorView left = checkpoint.View(name), right = checkpoint.View(original);
        for (int row = 0; row < left.Rows; row++)
        {
            TensorView x = left.Slice(row, 1), y = right.Slice(row, 1);
            int bytes = checked((int)x.DType.ByteCount(x.Columns));
            if (!new ReadOnlySpan<byte>(x.Data, bytes).SequenceEqual(new ReadOnlySpan<byte>(y.Data, bytes)))
                return false;
        }
        return true;
    }
}
