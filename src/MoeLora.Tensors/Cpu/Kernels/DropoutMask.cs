using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace MoeLora.Tensors.Cpu.Kernels;

/// <summary>
/// Multiplies elements with 0 or 1 / (1 − rate). Which, is a hash of seed, row and column, and so the same bits on every device, on any number
/// of threads, and in the backward pass. Seed and row are mixed to 64 bits (the finalizer of SplitMix64, by Steele, Lea and Flood, 2014); the
/// column is hashed twice by Wellons' 32-bit integer hash "lowbias32", with one half of those bits before each round.
/// </summary>
internal readonly struct DropoutMask
{
    private const ulong GoldenRatio64 = 0x9E3779B97F4A7C15;
    /// <summary>What a column is multiplied by before its row's key is added, for devices that make the mask of whole vectors.</summary>
    public const uint ColumnStep = 0x9E3779B9;

    /// <summary>Of the hash's first round.</summary>
    public const uint Multiplier1 = 0x7FEB352D;

    /// <summary>Of the hash's second round.</summary>
    public const uint Multiplier2 = 0x846CA68B;

    private readonly uint _first, _second, _threshold;
    private readonly float _kept;

    /// <summary>The mask of one row.</summary>
    public DropoutMask(float rate, ulong seed, int row)
    {
        (_first, _second) = Key(seed, row);
        _threshold = Threshold(rate);
        _kept = Kept(rate);
    }

    /// <summary>What is added before the first hash of a column, and xored before the second.</summary>
    public static (uint First, uint Second) Key(ulong seed, int row)
    {
        ulong key = Mix(Mix(seed + GoldenRatio64) + (ulong)(uint)row * GoldenRatio64);
        return ((uint)key, (uint)(key >> 32));
    }

    /// <summary>Hashes below it are dropped.</summary>
    public static uint Threshold(float rate) => (uint)(rate * 4294967296.0);

    /// <summary>What the others are multiplied by.</summary>
    public static float Kept(float rate) => (float)(1 / (1 - (double)rate));

    /// <summary>The definition.</summary>
    public unsafe void Scalar(float* input, int firstColumn, float* output, int count)
    {
        for (int i = 0; i < count; i++)
            output[i] = input[i] * (Hash(Hash((uint)(firstColumn + i) * ColumnStep + _first) ^ _second) < _threshold ? 0 : _kept);
    }

    /// <summary>The same on a multiple of 32 elements; zeros give zeros, so padding stays. Eight at a time are enough for the speed of memory.</summary>
    public unsafe void Run(float* input, int firstColumn, float* output, int count)
    {
        Vector256<uint> columns = Vector256<uint>.Indices + Vector256.Create((uint)firstColumn);
        for (int i = 0; i < count; i += Vector256<float>.Count)
        {
            Vector256<uint> hash = Hash(Hash(columns * ColumnStep + Vector256.Create(_first)) ^ Vector256.Create(_second));
            Vector256<float> factor = Vector256.ConditionalSelect(
                Vector256.LessThan(hash, Vector256.Create(_threshold)).AsSingle(), Vector256<float>.Zero, Vector256.Create(_kept));
            (Vector256.Load(input + i) * factor).Store(output + i);
            columns += Vector256.Create((uint)Vector256<float>.Count);
        }
    }

    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    private static uint Hash(uint x)
    {
        x = (x ^ (x >> 16)) * Multiplier1;
        x = (x ^ (x >> 15)) * Multiplier2;
        return x ^ (x >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Hash(Vector256<uint> x)
    {
        x = (x ^ (x >> 16)) * Multiplier1;
        x = (x ^ (x >> 15)) * Multiplier2;
        return x ^ (x >> 16);
    }
}
