using System.Text;
using MoeLora.Models;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Generation;

/// <summary>The text of an answer that began elsewhere.</summary>
public static class BegunText
{
    /// <summary>The text that an engine has given with an answer's tokens: without what it still holds back, such as a part of a character, which comes with the rest.</summary>
    /// <param name="tokenizer">The model's; null where it has none, which gives no text.</param>
    /// <param name="settings">Those that the answer is generated with.</param>
    /// <param name="model">The model.</param>
    /// <param name="tokens">The tokens so far.</param>
    public static string Of(ITokenizer? tokenizer, GenerationSettings settings, ModelConfig model, IReadOnlyList<int> tokens)
    {
        int[] endTokens = settings.EndTokens(model);
        var answer = new AnswerText(tokenizer, settings.Stop);
        var text = new StringBuilder();
        foreach (int token in tokens.TakeWhile(token => !endTokens.Contains(token)))
        {
            text.Append(answer.Append(token));
            if (answer.Stopped)
                break;
        }

        return text.ToString();
    }
}
