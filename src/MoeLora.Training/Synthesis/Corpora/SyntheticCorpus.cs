namespace MoeLora.Training.Synthesis.Corpora;

/// <summary>
/// Texts for pre-training a base model from scratch on the records' words: facts, dialogues, and exercises in copying, listing, choosing
/// and finding. They have the words of the tasks' answers, but nowhere an input with its task's answer.
/// </summary>
public static class SyntheticCorpus
{
    // Behind the streams of the data sets.
    private const int Stream = 1000;

    /// <summary>Makes texts one by one; the first n are the same however many are asked for.</summary>
    /// <param name="options">Language, vocabulary and seed; sizes, noise and the rest have no effect. The whole vocabulary is used, unseen words too.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="ArgumentException">The options are wrong; all problems are listed.</exception>
    public static IEnumerable<string> Generate(SynthesisOptions options, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        options.ThrowIfWrong();
        return Make(options, count);
    }

    private static IEnumerable<string> Make(SynthesisOptions options, int count)
    {
        MedicalVocabulary vocabulary = MedicalVocabulary.Whole.Take(options.VocabularyShare);
        var draws = new SynthesisDraws(options.Seed, Stream);
        for (int i = 0; i < count; i++)
        {
            SyntheticLanguage language = draws.Chance(options.EnglishShare) ? SyntheticLanguage.English : SyntheticLanguage.Chinese;
            yield return new CorpusText(new Scene(vocabulary, language, draws)).Write();
        }
    }
}
