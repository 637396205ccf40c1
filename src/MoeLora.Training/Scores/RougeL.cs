namespace MoeLora.Training.Scores;

/// <summary>
/// ROUGE-L as the Python package <c>rouge</c> (pltrdy) computes it for a summary, which is not the textbook's: both texts are cut into
/// sentences at full stops of ASCII, repeated words count once, and the words of the longest common subsequences of all pairs of
/// sentences are joined into one set.
/// </summary>
/// <param name="F1">2·p·r / (p + r + 1e-8).</param>
/// <param name="Precision">Common words over the words of the answer.</param>
/// <param name="Recall">Common words over the words of the reference.</param>
internal readonly record struct RougeL(double F1, double Precision, double Recall)
{
    /// <summary>Compares texts whose words are separated by white space. A text without words gives 0.</summary>
    public static RougeL Compare(string answer, string reference)
    {
        string[][] answered = Sentences(answer), expected = Sentences(reference);
        if (answered.Length == 0 || expected.Length == 0)
            return default;
        var common = new HashSet<string>();
        foreach (string[] expectedSentence in expected)
        {
            foreach (string[] answeredSentence in answered)
                AddCommonSubsequence(expectedSentence, answeredSentence, common);
        }

        double precision = common.Count / (double)CountWords(answered);
        double recall = common.Count / (double)CountWords(expected);
        return new RougeL(2 * (precision * recall / (precision + recall + 1e-8)), precision, recall);
    }

    // A sentence of white space only is one empty word, as in the package.
    private static string[][] Sentences(string text) =>
    [
        .. text.Split('.', StringSplitOptions.RemoveEmptyEntries)
            .Select(sentence => sentence.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } words ? words : [""]),
    ];

    private static int CountWords(string[][] sentences) => sentences.SelectMany(words => words).Distinct().Count();

    // Of several longest subsequences the one that the package finds: it goes back from the end and prefers to drop a word of the answer.
    private static void AddCommonSubsequence(string[] expected, string[] answered, HashSet<string> common)
    {
        var lengths = new int[expected.Length + 1, answered.Length + 1];
        for (int i = 1; i <= expected.Length; i++)
        {
            for (int j = 1; j <= answered.Length; j++)
            {
                lengths[i, j] = expected[i - 1] == answered[j - 1]
                    ? lengths[i - 1, j - 1] + 1
                    : Math.Max(lengths[i - 1, j], lengths[i, j - 1]);
            }
        }

        for (int i = expected.Length, j = answered.Length; i > 0 && j > 0;)
        {
            if (expected[i - 1] == answered[j - 1])
            {
                common.Add(expected[i - 1]);
                (i, j) = (i - 1, j - 1);
            }
            else if (lengths[i - 1, j] > lengths[i, j - 1])
            {
                i--;
            }
            else
            {
                j--;
            }
        }
    }
}
