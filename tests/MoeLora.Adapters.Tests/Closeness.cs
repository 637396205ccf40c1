namespace MoeLora.Adapters.Tests;

internal static class Closeness
{
    /// <summary>Fails with the worst element when any differs by more than <paramref name="tolerance"/>, or is NaN.</summary>
    public static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double tolerance, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)expected[i] - actual[i]);
            Assert.True(difference <= tolerance, $"{what}: element {i} is {actual[i]}, expected {expected[i]} within {tolerance}.");
        }
    }
}
