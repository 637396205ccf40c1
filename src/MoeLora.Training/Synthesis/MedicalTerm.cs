namespace MoeLora.Training.Synthesis;

/// <summary>What a word of the vocabulary names.</summary>
internal enum TermKind
{
    /// <summary>A diagnosis.</summary>
    Disease,

    /// <summary>A complaint that needs no body part.</summary>
    Symptom,

    /// <summary>A complaint of some body part, such as pain.</summary>
    Finding,

    /// <summary>A medicine.</summary>
    Drug,

    /// <summary>An examination.</summary>
    Exam,

    /// <summary>A part of the body.</summary>
    Part,

    /// <summary>How a complaint is, such as mild.</summary>
    Trait,
}

/// <summary>A word of the vocabulary.</summary>
/// <param name="Kind">What it names.</param>
/// <param name="System">The organ system, such as <c>breath</c>; <c>any</c> for findings and traits.</param>
/// <param name="Chinese">Its Chinese name.</param>
/// <param name="English">Its English name.</param>
/// <param name="SaidChinese">What people say for it in Chinese; the name itself when there is nothing else.</param>
/// <param name="SaidEnglish">What people say for it in English.</param>
internal sealed record MedicalTerm(TermKind Kind, string System, string Chinese, string English, string SaidChinese, string SaidEnglish)
{
    /// <summary>The standard name.</summary>
    public string Name(SyntheticLanguage language) => language == SyntheticLanguage.Chinese ? Chinese : English;

    /// <summary>What people say.</summary>
    public string Said(SyntheticLanguage language) => language == SyntheticLanguage.Chinese ? SaidChinese : SaidEnglish;
}
