using System.Runtime.CompilerServices;
using MoeLora.Tensors.Cpu.Vectors;

namespace MoeLora.Tensors.Cpu.Attending;

/// <summary>The parts of self-attention that are not matrix products: rows of heads into scratch memory and back, and rows of scores.</summary>
internal static unsafe class SelfAttentionRows<L, V>
    where L : struct, ILanes<V>
    where V : struct
{
    /// <summary>Copies rows of a head times <paramref name="scale"/>; columns up to a multiple of two vectors, and rows up to <paramref name="paddedRows"/>, are zeros.</summary>
    /// <returns>Whether all is finite.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool Copy(float* source, nint sourceStride, int rows, int columns, float scale, float* destination, nint stride, int paddedRows)
    {
        int padded = Padded(columns);
        V factor = L.Broadcast(scale), zeros = L.Zero;
        float otherZeros = 0;
        for (int row = 0; row < rows; row++, source += sourceStride, destination += stride)
        {
            int i = 0;
            for (; i <= columns - L.Width; i += L.Width)
            {
                V value = L.Mul(L.Load(source + i), factor);
                zeros = L.Fma(value, L.Zero, zeros);
                L.Store(destination + i, value);
            }
            for (; i < columns; i++)
            {
                destination[i] = source[i] * scale;
                otherZeros += destination[i] * 0;
            }
            for (; i < padded; i++)
                destination[i] = 0;
        }
        for (int row = rows; row < paddedRows; row++, destination += stride)
            new Span<float>(destination, padded).Clear();
        // A NaN or an infinity times zero is NaN.
        return !float.IsNaN(L.Sum(zeros) + otherZeros);
    }

    /// <summary>destination = source · scale.</summary>
    public static void Write(float* source, float scale, float* destination, int columns)
    {
        V factor = L.Broadcast(scale);
        int i = 0;
        for (; i <= columns - L.Width; i += L.Width)
            L.Store(destination + i, L.Mul(L.Load(source + i), factor));
        for (; i < columns; i++)
            destination[i] = source[i] * scale;
    }

    /// <summary>destination += source · scale.</summary>
    public static void Add(float* source, float scale, float* destination, int columns)
    {
        V factor = L.Broadcast(scale);
        int i = 0;
        for (; i <= columns - L.Width; i += L.Width)
            L.Store(destination + i, L.Fma(L.Load(source + i), factor, L.Load(destination + i)));
        for (; i < columns; i++)
            destination[i] = MathF.FusedMultiplyAdd(source[i], scale, destination[i]);
    }

    public static float Dot(float* a, float* b, int columns)
    {
        V sum = L.Zero;
        int i = 0;
        for (; i <= columns - L.Width; i += L.Width)
            sum = L.Fma(L.Load(a + i), L.Load(b + i), sum);
        float total = L.Sum(sum);
        for (; i < columns; i++)
            total = MathF.FusedMultiplyAdd(a[i], b[i], total);
        return total;
    }

    /// <summary>The largest of <paramref name="count"/> scores and <paramref name="largest"/>.</summary>
    public static float Largest(float* scores, int count, float largest)
    {
        V lowest = L.Broadcast(largest), max = lowest;
        for (int i = 0; i < count; i += L.Width)
            max = L.Max(max, L.First(L.Load(scores + i), count - i, lowest));
        return L.Largest(max);
    }

    /// <summary>Scores → e^(score − origin), then zeros.</summary>
    /// <returns>The sum.</returns>
    public static float Exponentials(float* scores, int count, float origin)
    {
        V start = L.Broadcast(origin), sum = L.Zero;
        int i = 0;
        for (; i < count; i += L.Width)
        {
            V power = L.First(Exponential.Exp<L, V>(L.Sub(L.Load(scores + i), start)), count - i, L.Zero);
            sum = L.Add(sum, power);
            L.Store(scores + i, power);
        }
        EndWithZeros(scores + i);
        return L.Sum(sum);
    }

    /// <summary>Scores → probabilities P = e^(score − logSum); gradients dP of the probabilities → P ∘ (dP − mean); then zeros.</summary>
    public static void Gradients(float* scores, float* gradients, int count, float logSum, float mean)
    {
        V start = L.Broadcast(logSum), centre = L.Broadcast(mean);
        int i = 0;
        for (; i < count; i += L.Width)
        {
            V probability = Exponential.Exp<L, V>(L.Sub(L.Load(scores + i), start));
            V gradient = L.Mul(probability, L.Sub(L.Load(gradients + i), centre));
            L.Store(scores + i, L.First(probability, count - i, L.Zero));
            L.Store(gradients + i, L.First(gradient, count - i, L.Zero));
        }
        EndWithZeros(scores + i);
        EndWithZeros(gradients + i);
    }

    /// <summary>Columns with the padding of a copy.</summary>
    public static int Padded(int columns) => (columns + 2 * L.Width - 1) / (2 * L.Width) * (2 * L.Width);

    /// <summary>A tile may reach past a row's last score, by less than sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void EndWithZeros(float* end)
    {
        for (int i = 0; i < Lanes512.Width; i += L.Width)
            L.Store(end + i, L.Zero);
    }
}
