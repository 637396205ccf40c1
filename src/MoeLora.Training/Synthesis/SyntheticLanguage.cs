namespace MoeLora.Training.Synthesis;

/// <summary>The language of a synthetic record's sentences.</summary>
internal enum SyntheticLanguage
{
    /// <summary>Simplified Chinese.</summary>
    Chinese,

    /// <summary>English; the words of an answer that the scorers look for stay Chinese.</summary>
    English,
}
