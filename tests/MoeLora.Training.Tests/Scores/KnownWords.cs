using System.Text.Json;
using MoeLora.Training.Segmentation;

namespace MoeLora.Training.Tests.Scores;

/// <summary>jieba's own words for the lines of the reference and for what follows a colon in them; any other text is an error of the test.</summary>
internal sealed class KnownWords : IWordSegmenter
{
    private readonly Dictionary<string, string[]> _words = [];

    public KnownWords(string path)
    {
        using JsonDocument lines = JsonDocument.Parse(File.ReadAllBytes(path));
        foreach (JsonProperty line in lines.RootElement.EnumerateObject())
        {
            string[] words = line.Value.Deserialize<string[]>()!;
            _words[line.Name] = words;
            for (int i = 0; i < words.Length; i++)
            {
                // jieba cuts at punctuation first, so a line's rest has the words that it has alone.
                if (words[i] == "：")
                    _words.TryAdd(string.Concat(words[(i + 1)..]), words[(i + 1)..]);
            }
        }
    }

    public IReadOnlyList<string> Cut(string text) => text == "-" ? [text] : _words[text];
}
