using System.Text;
using MoeLora.Engine.Constraints;
using MoeLora.Engine.Sampling;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Tests.Constraints;

/// <summary>Answers under a constraint: made from random logits, or tried byte by byte.</summary>
internal static class ConstrainedAnswers
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    public static ITokenConstraint Require(ConstraintCompilation compilation)
    {
        Assert.Empty(compilation.Problems);
        Assert.True(compilation.Succeeded);
        return compilation.Constraint;
    }

    public static bool Contains(ReadOnlySpan<ulong> mask, int token) => (mask[token / 64] >> (token % 64) & 1) != 0;

    /// <summary>Whether a whole answer is allowed, spelled in tokens of one byte of <see cref="ListTokenizer.Json"/>.</summary>
    public static bool Accepts(ITokenConstraint constraint, ReadOnlySpan<byte> answer)
    {
        IConstraintState state = constraint.Start();
        foreach (byte value in answer)
        {
            if (!Contains(state.Allowed, value + 1))
                return false;
            state.Advance(value + 1);
        }

        return state.MayEnd;
    }

    public static bool Accepts(ITokenConstraint constraint, string answer) => Accepts(constraint, Encoding.UTF8.GetBytes(answer));

    /// <summary>An answer that ended by itself; null when it had not after so many tokens.</summary>
    public static string? Generate(ITokenConstraint constraint, ITokenizer tokenizer, int endToken, Random random, int maxTokens)
    {
        var sampler = new Sampler(constraint.VocabularySize);
        var settings = new SamplingSettings { Temperature = random.NextDouble() * 2, TopP = random.Next(2) == 0 ? 1 : 0.9, Seed = random.Next() };
        var state = new SamplingState(settings, [], constraint, [endToken]);
        var bytes = new List<byte>();
        float[] logits = new float[constraint.VocabularySize];
        bool[] closing = [.. Enumerable.Range(0, logits.Length).Select(token => token == endToken || Closes(tokenizer, token))];
        for (int position = 0; position < maxTokens && !state.IsComplete; position++)
        {
            float bias = position > maxTokens / 3 ? 8 : 0; // so that texts and arrays end some time
            for (int token = 0; token < logits.Length; token++)
                logits[token] = random.NextSingle() * 6 + (closing[token] ? bias : 0);
            int chosen = sampler.Choose(state, logits, position) ?? throw new InvalidOperationException("There was nothing to choose.");
            if (chosen == endToken)
                return Strict.GetString([.. bytes]);
            bytes.AddRange(tokenizer.TokenBytes(chosen));
            state.Observe(chosen);
        }

        return state.IsComplete ? Strict.GetString([.. bytes]) : null;
    }

    private static bool Closes(ITokenizer tokenizer, int token) =>
        token < tokenizer.VocabularySize && tokenizer.TokenBytes(token).Length <= 2 && tokenizer.TokenBytes(token).IndexOfAny("\"]}"u8) >= 0;
}
