namespace MoeLora.Training.Scores;

/// <summary>Precision, recall and their harmonic mean; 0 where one would divide by 0.</summary>
internal readonly record struct Ratio(double F1, double Precision, double Recall)
{
    /// <summary>From counts.</summary>
    /// <param name="right">How many answers are right.</param>
    /// <param name="answered">How many there are.</param>
    /// <param name="expected">How many there should be.</param>
    public static Ratio Of(int right, int answered, int expected)
    {
        double precision = answered == 0 ? 0 : (double)right / answered;
        double recall = expected == 0 ? 0 : (double)right / expected;
        return new Ratio(right == 0 ? 0 : 2 * precision * recall / (precision + recall), precision, recall);
    }
}
