namespace MoeLora.Engine.Sampling;

/// <summary>A number by which tokens sort: the larger value first, of equals the lower id.</summary>
internal static class TokenRank
{
    /// <summary>The rank of a token with a value that is not NaN.</summary>
    public static ulong Of(float value, int token)
    {
        // The bits of floats sort as their values do, once those of negative ones are turned round. Adding 0 makes −0 equal to 0.
        uint bits = BitConverter.SingleToUInt32Bits(value + 0f);
        uint ascending = bits >> 31 == 0 ? bits | 0x8000_0000 : ~bits;
        return (ulong)~ascending << 32 | (uint)token;
    }

    /// <summary>The token of a rank.</summary>
    public static int Token(ulong rank) => (int)(uint)rank;

    /// <summary>The value of a rank.</summary>
    public static float Value(ulong rank)
    {
        uint ascending = ~(uint)(rank >> 32);
        return BitConverter.UInt32BitsToSingle(ascending >> 31 != 0 ? ascending & 0x7FFF_FFFF : ~ascending);
    }
}
