namespace MoeLora.Training.Synthesis;

/// <summary>What synthetic records are made: how many, in which language and how hard. The same options give the same bytes.</summary>
public sealed record SynthesisOptions
{
    /// <summary>Training records of the largest task.</summary>
    public int Size { get; init; } = 400;

    /// <summary>Records of each task in the validation set.</summary>
    public int DevSize { get; init; } = 40;

    /// <summary>Records of each task in the test set.</summary>
    public int TestSize { get; init; } = 40;

    /// <summary>How many times larger the largest task's training set is than the smallest's; the others lie between in equal ratios. 1 makes all equal.</summary>
    public double Imbalance { get; init; } = 1;

    /// <summary>The share of records in English, 0 to 1; the others are Chinese.</summary>
    public double EnglishShare { get; init; }

    /// <summary>The share of records without a prompt, 0 to 1: only the task says what is asked of the sentence.</summary>
    public double BareShare { get; init; } = 0.5;

    /// <summary>The share of inputs that are disturbed by a filler, a lost comma or stray characters; answers stay exact.</summary>
    public double Noise { get; init; }

    /// <summary>The share of the vocabulary that is used, above 0 and at most 1; with fewer words the tasks are easier.</summary>
    public double VocabularyShare { get; init; } = 1;

    /// <summary>The share of the vocabulary in use that validation and test sets have and the training set has not, 0 to below 1.</summary>
    public double UnseenShare { get; init; }

    /// <summary>The seed.</summary>
    public int Seed { get; init; }

    /// <summary>Everything that is wrong with these options.</summary>
    public IEnumerable<string> FindProblems()
    {
        foreach ((string name, int size) in new[] { ("size", Size), ("dev size", DevSize), ("test size", TestSize) })
        {
            if (size < 0)
                yield return $"The {name} is {size}; it must not be negative.";
        }

        if (!(Imbalance >= 1 && double.IsFinite(Imbalance)))
            yield return FormattableString.Invariant($"The imbalance is {Imbalance}; it must be at least 1.");
        foreach ((string name, double share) in new[] { ("English share", EnglishShare), ("bare share", BareShare), ("noise", Noise) })
        {
            if (!(share is >= 0 and <= 1))
                yield return FormattableString.Invariant($"The {name} is {share}; it must be from 0 to 1.");
        }

        if (!(VocabularyShare is > 0 and <= 1))
            yield return FormattableString.Invariant($"The vocabulary share is {VocabularyShare}; it must be above 0 and at most 1.");
        if (!(UnseenShare is >= 0 and < 1))
            yield return FormattableString.Invariant($"The unseen share is {UnseenShare}; it must be from 0 to below 1.");
    }

    /// <summary>Fails when something is wrong.</summary>
    /// <exception cref="ArgumentException">Lists everything.</exception>
    internal void ThrowIfWrong()
    {
        string[] problems = [.. FindProblems()];
        if (problems.Length > 0)
            throw new ArgumentException(string.Join('\n', problems));
    }
}
