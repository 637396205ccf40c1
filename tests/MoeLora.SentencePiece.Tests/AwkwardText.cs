using System.Text;

namespace MoeLora.SentencePiece.Tests;

/// <summary>Texts that tokenizers get wrong: runs of equal characters and pieces, spaces of all kinds, characters that a map replaces or that no piece has.</summary>
internal sealed class AwkwardText(int seed, IReadOnlyList<string> pieces)
{
    private static readonly string[] Alphabets =
    [
        "aabbabxyhmt e12,.", "医患者哈，：是的疼痛", "ａＡ１ｘ（）％ｶﾞ", "éÉñüÅﬁ①ﬀ㍿가각ÑŁß", "e\u0301a\u0308o\u0323\u0302", " \t\n\r\u3000\u00a0\u200b\u2581", "<>n|tab_0xFF", "\u0000\u0001\u007f\u0085\ufeff\ufffd\uffff\u200d", "😀👍🏽𝒜𠮷",
    ];

    private readonly Random _random = new(seed);

    public string Next()
    {
        var text = new StringBuilder();
        for (int parts = _random.Next(16); parts > 0; parts--)
        {
            Rune[] alphabet = [.. Alphabets[_random.Next(Alphabets.Length)].EnumerateRunes()];
            switch (_random.Next(5))
            {
                case 0:
                    Append(text, alphabet[_random.Next(alphabet.Length)].ToString(), _random.Next(1, 9));
                    break;
                case 1:
                    for (int i = _random.Next(1, 9); i > 0; i--)
                        text.Append(alphabet[_random.Next(alphabet.Length)].ToString());
                    break;
                case 2:
                    Append(text, Piece(), _random.Next(1, 5));
                    break;
                case 3:
                    for (int i = _random.Next(1, 6); i > 0; i--)
                        text.Append(Piece());
                    break;
                default:
                    Append(text, " ", _random.Next(1, 5));
                    break;
            }
        }

        return text.ToString();
    }

    private string Piece() => pieces[_random.Next(pieces.Count)].Replace(Files.Piece.Space, _random.Next(4) == 0 ? Files.Piece.Space : ' ');

    private static void Append(StringBuilder text, string part, int times) => text.Insert(text.Length, part, times);
}
