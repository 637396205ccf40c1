namespace MoeLora.Training.Segmentation;

/// <summary>
/// jieba's way of cutting without its model of unknown words: text is cut at punctuation and white space; of each block the most
/// probable sequence of words of a dictionary is taken, a character in none being a word of count 1; letters and digits that no
/// word holds are put together to words and decimal numbers.
/// </summary>
internal sealed class WordRoute(WordDictionary dictionary)
{
    /// <summary>The words of a text.</summary>
    public List<string> Cut(string text)
    {
        var words = new List<string>();
        for (int start = 0; start < text.Length;)
        {
            int end = start;
            while (end < text.Length && IsOfBlock(text[end]))
                end++;
            if (end > start)
            {
                CutBlock(text.AsSpan(start, end - start), words);
            }
            else
            {
                bool isPair = char.IsSurrogatePair(text, start) || text.AsSpan(start).StartsWith("\r\n");
                end = start + (isPair ? 2 : 1);
                words.Add(text[start..end]);
            }

            start = end;
        }

        return words;
    }

    private static bool IsHan(char c) => c is >= '\u4E00' and <= '\u9FD5';

    private static bool IsOfBlock(char c) => IsHan(c) || char.IsAsciiLetterOrDigit(c) || c is '+' or '#' or '&' or '.' or '_' or '%' or '-';

    private void CutBlock(ReadOnlySpan<char> block, List<string> words)
    {
        int[] next = FindRoute(block);
        int single = 0; // where the run of single characters before this word begins
        for (int start = 0; start < block.Length; start = next[start])
        {
            if (next[start] - start == 1)
                continue;
            CutSingles(block[single..start], words);
            words.Add(block[start..next[start]].ToString());
            single = next[start];
        }

        CutSingles(block[single..], words);
    }

    // For each character where the word that begins with it ends; of equally probable ones the longest.
    private int[] FindRoute(ReadOnlySpan<char> block)
    {
        var next = new int[block.Length];
        var probability = new double[block.Length + 1];
        for (int start = block.Length - 1; start >= 0; start--)
        {
            probability[start] = double.NegativeInfinity;
            for (int end = start + 1; end <= block.Length && dictionary.TryGet(block[start..end], out bool isWord, out double word); end++)
            {
                if (isWord && word + probability[end] >= probability[start])
                    (next[start], probability[start]) = (end, word + probability[end]);
            }

            if (next[start] == 0)
                (next[start], probability[start]) = (start + 1, dictionary.UnknownLogProbability + probability[start + 1]);
        }

        return next;
    }

    // A character of Chinese is a word; so is [letters and digits][.digits][%], and a run of other characters.
    private static void CutSingles(ReadOnlySpan<char> singles, List<string> words)
    {
        while (!singles.IsEmpty)
        {
            int length = IsHan(singles[0]) ? 1 : CountNumber(singles);
            if (length == 0)
                length = CountWhile(singles, c => !IsHan(c) && !char.IsAsciiLetterOrDigit(c));
            words.Add(singles[..length].ToString());
            singles = singles[length..];
        }
    }

    private static int CountNumber(ReadOnlySpan<char> text)
    {
        int length = CountWhile(text, char.IsAsciiLetterOrDigit);
        if (length == 0)
            return 0;
        if (text[length..] is ['.', _, ..] && CountWhile(text[(length + 1)..], char.IsAsciiDigit) is > 0 and int digits)
            length += 1 + digits;
        return text[length..] is ['%', ..] ? length + 1 : length;
    }

    private static int CountWhile(ReadOnlySpan<char> text, Predicate<char> condition)
    {
        int count = 0;
        while (count < text.Length && condition(text[count]))
            count++;
        return count;
    }
}
