using MoeLora.Engine.Sampling;

namespace MoeLora.Engine.Tests.Sampling;

public sealed class LargestTokensTests
{
    [Fact]
    public void Rank_OfAnyCount_EqualsASort()
    {
        var random = new Random(1);
        var largest = new LargestTokens();
        float[] special = [0f, -0f, float.NegativeInfinity, float.MinValue, float.MaxValue, float.Epsilon, -float.Epsilon, 1, -1];
        for (int round = 0; round < 300; round++)
        {
            float[] values = [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => random.Next(2) == 0 ? special[random.Next(special.Length)] : random.Next(-5, 5))];
            ulong[] ranked = new ulong[random.Next(1, values.Length + 1)];

            largest.Rank(values, ranked);

            int[] expected = [.. Enumerable.Range(0, values.Length).OrderByDescending(token => values[token]).Take(ranked.Length)]; // a stable sort
            Assert.Equal(expected, ranked.Select(TokenRank.Token));
            Assert.Equal(expected.Select(token => values[token] + 0f), ranked.Select(TokenRank.Value));
        }
    }
}
