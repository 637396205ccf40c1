using System.Text;
using System.Text.Unicode;
using MoeLora.Contracts;

namespace MoeLora.Gateway.Answers;

/// <summary>Tokens and log probabilities as the interface spells them.</summary>
internal static class TokenText
{
    // JSON has no infinity; OpenAI's value for "as good as impossible".
    private const double Least = -9999;

    /// <summary>A token's text; <c>bytes:\xe5\x8c</c> where its bytes are no whole characters, <c>token_id:7</c> for a special token.</summary>
    public static string Of(TokenLogProb token)
    {
        ReadOnlySpan<byte> bytes = token.Bytes.Span;
        if (bytes.IsEmpty)
            return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"token_id:{token.TokenId}");
        if (Utf8.IsValid(bytes))
            return Encoding.UTF8.GetString(bytes);
        var text = new StringBuilder("bytes:");
        foreach (byte value in bytes)
            text.Append("\\x").Append(value.ToString("x2", System.Globalization.CultureInfo.InvariantCulture));
        return text.ToString();
    }

    public static double LogProbOf(TokenLogProb token) => Math.Max(token.LogProb, Least);
}
