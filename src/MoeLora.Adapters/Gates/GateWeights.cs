using System.Collections;

namespace MoeLora.Adapters.Gates;

/// <summary>ω of one task in one gate: N weights, not negative, that sum to 1. Immutable.</summary>
public sealed class GateWeights : IReadOnlyList<float>
{
    /// <summary>The weight of the only expert of a plain LoRA.</summary>
    public static readonly GateWeights One = new([1f]);

    private readonly float[] _values;

    internal GateWeights(float[] values) => _values = values;

    /// <summary>Number of experts N.</summary>
    public int Count => _values.Length;

    /// <summary>All weights, by expert.</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>ω of one expert.</summary>
    public float this[int expert] => _values[expert];

    /// <inheritdoc/>
    public IEnumerator<float> GetEnumerator() => ((IEnumerable<float>)_values).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The r values that a delta is scaled by: each ω_i repeated <paramref name="expertRank"/> times, times <paramref name="scaling"/>.</summary>
    public float[] ToRow(int expertRank, double scaling)
    {
        float[] row = new float[_values.Length * expertRank];
        for (int expert = 0; expert < _values.Length; expert++)
            row.AsSpan(expert * expertRank, expertRank).Fill((float)(scaling * _values[expert]));
        return row;
    }
}
