namespace MoeLora.Training.Segmentation;

/// <summary>Cuts text into words, which Chinese does not separate.</summary>
public interface IWordSegmenter
{
    /// <summary>The words in their order; put together they are the text. Punctuation and white space are words too.</summary>
    IReadOnlyList<string> Cut(string text);
}
