using MoeLora.Training.Synthesis;

namespace MoeLora.Training.Tests.Synthesis;

public sealed class VocabularyTests
{
    private static readonly SyntheticLanguage[] Languages = [SyntheticLanguage.Chinese, SyntheticLanguage.English];

    [Fact]
    public void Terms_EveryName_IsThereOnce()
    {
        foreach (SyntheticLanguage language in Languages)
        {
            string[] names = [.. MedicalVocabulary.Whole.Terms.SelectMany(term => new[] { term.Name(language), term.Said(language) }.Distinct())];
            Assert.Equal(names.Length, names.Distinct().Count());
        }
    }

    [Fact]
    public void Terms_EveryName_HasNoneOfTheMarksThatAnswersAreCutAt()
    {
        foreach (SyntheticLanguage language in Languages)
            Assert.All(MedicalVocabulary.Whole.Terms, term => Assert.True((term.Name(language) + term.Said(language)).IndexOfAny([.. "，。；：、,.;:\n"]) < 0, term.English));
    }

    [Fact]
    public void Take_SmallShare_LeavesTwoWordsOfEachKindInEverySystem()
    {
        MedicalVocabulary least = MedicalVocabulary.Whole.Take(0.01);
        Assert.All(least.Terms.GroupBy(term => (term.Kind, term.System)), group => Assert.Equal(2, group.Count()));
        Assert.Equal(
            MedicalVocabulary.Whole.Terms.Select(term => (term.Kind, term.System)).Distinct(),
            least.Terms.Select(term => (term.Kind, term.System)).Distinct());
    }

    [Fact]
    public void Phrases_BothLanguages_HaveTheSameKeysAndWords()
    {
        PhraseBook chinese = PhraseBook.Of(SyntheticLanguage.Chinese), english = PhraseBook.Of(SyntheticLanguage.English);
        Assert.Equal(chinese.Keys.Order(), english.Keys.Order());
        Assert.Equal(chinese.Words.Keys.Order(), english.Words.Keys.Order());
    }

    [Fact]
    public void Phrases_BothLanguages_HaveTheSameSlotsForEachKey()
    {
        PhraseBook chinese = PhraseBook.Of(SyntheticLanguage.Chinese), english = PhraseBook.Of(SyntheticLanguage.English);
        foreach (string key in chinese.Keys)
            Assert.Equal(Slots(chinese, key), Slots(english, key));
    }

    [Fact]
    public void Topics_EveryLabel_IsOneOfItsTask()
    {
        foreach (PhraseBook book in Languages.Select(PhraseBook.Of))
            foreach (LabelledPhrase topic in book["topic"])
            {
                Assert.Contains(topic.Labels[0], book["qic"].Select(phrase => phrase.Labels[0]));
                Assert.Contains(topic.Labels[1], book["ctc"].Select(phrase => phrase.Labels[0]));
            }
    }

    private static IEnumerable<string> Slots(PhraseBook book, string key) => book[key].SelectMany(phrase => phrase.Phrase.Slots).Distinct().Order();
}
