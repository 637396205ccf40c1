using MoeLora.Adapters.Gates;

namespace MoeLora.Adapters.Tests.Gates;

public sealed class TaskGateTests
{
    // One double-precision softmax rounded to float: half a unit in the last place of a value up to 1.
    private const double Tolerance = 1e-7;

    // Embeddings [3, 2]: padding, (1, 0), (0, 2); gate [3, 2] so that task 1 scores (ln 1, ln 2, ln 5), task 2 (0, 0, 0).
    private static readonly float[] Embeddings = [9, 9, 1, 0, 0, 2];
    private static readonly float[] Weight = [0, 0, (float)Math.Log(2), 0, (float)Math.Log(5), 0];

    [Fact]
    public void Weights_OneTask_AreTheSoftmax()
    {
        Closeness.AssertClose([1f / 8, 2f / 8, 5f / 8], Dense().Weights(1).Values, Tolerance, "task 1");
        Closeness.AssertClose([1f / 3, 1f / 3, 1f / 3], Dense().Weights(2).Values, Tolerance, "task 2");
    }

    [Fact]
    public void Weights_SeveralTasks_AverageTheEmbeddingsBeforeTheGate()
    {
        double[] scores = [1, Math.Sqrt(2), Math.Sqrt(5)]; // e^(score/2): the mean halves task 1's scores, task 2 adds none
        float[] expected = Array.ConvertAll(scores, s => (float)(s / scores.Sum()));

        Closeness.AssertClose(expected, Dense().Weights(1, 2).Values, Tolerance, "composed");
    }

    [Fact]
    public void Weights_TopK_KeepsTheLargestAndRenormalises()
    {
        Closeness.AssertClose([0, 2f / 7, 5f / 7], Sparse(2).Weights(1).Values, Tolerance, "top 2");
        Assert.Equal([0f, 0f, 1f], Sparse(1).Weights(1));
    }

    [Fact]
    public void Weights_TopKOfEqualScores_KeepsExactlyK()
    {
        Assert.Equal([0.5f, 0.5f, 0f], Sparse(2).Weights(2));
    }

    [Fact]
    public void Weights_HugeScores_StayFinite()
    {
        var gate = new TaskGate(1, 2, 1, [0, 1e20f], [1e18f, -1e18f]);

        Assert.Equal([1f, 0f], gate.Weights(1));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(-1)]
    public void Weights_IdThatNoTaskHas_IsRefused(int id)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Dense().Weights(id));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Constructor_TopKOutsideExperts_IsRefused(int k)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Sparse(k));
    }

    [Fact]
    public void Constructor_SizesThatDoNotFit_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => new TaskGate(2, 3, 2, new float[4], Weight));
        Assert.Throws<ArgumentException>(() => new TaskGate(2, 3, 2, Embeddings, new float[5]));
    }

    private static TaskGate Dense() => new(2, 3, 2, Embeddings, Weight);

    private static TaskGate Sparse(int k) => new(2, 3, 2, Embeddings, Weight, k);
}
