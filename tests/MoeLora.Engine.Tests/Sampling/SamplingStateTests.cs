using System.Numerics;
using MoeLora.Engine.Constraints;
using MoeLora.Engine.Sampling;

namespace MoeLora.Engine.Tests.Sampling;

public sealed class SamplingStateTests
{
    private const int End = 4;

    [Fact]
    public void Choose_WithPresenceAndFrequencyPenalties_CountsGeneratedTokensOnly()
    {
        var state = new SamplingState(new SamplingSettings { PresencePenalty = 0.5, FrequencyPenalty = 0.25 }, [0, 0, 1]);
        state.Observe(1);
        state.Observe(2);
        state.Observe(2);
        float[] logits = [3f, 3f, 3f, float.NegativeInfinity];

        new Sampler(4).Choose(state, logits, 3);

        Assert.Equal([3f, 3f - 0.75f, 3f - 1f, float.NegativeInfinity], logits);
    }

    [Fact]
    public void Choose_WithAllPenalties_AppliesRepetitionFirst()
    {
        var state = new SamplingState(new SamplingSettings { RepetitionPenalty = 2, PresencePenalty = 1 }, [1]);
        state.Observe(0);
        float[] logits = [4f, 4f];

        new Sampler(2).Choose(state, logits, 1);

        Assert.Equal([1f, 2f], logits);
    }

    [Fact]
    public void State_OfALongPromptWithoutPenalties_HoldsNoTokens()
    {
        int[] prompt = [.. Enumerable.Range(0, 100_000)];
        _ = new SamplingState(SamplingSettings.Greedy, prompt);

        long before = GC.GetAllocatedBytesForCurrentThread();
        var state = new SamplingState(new SamplingSettings { Temperature = 1 }, prompt);
        state.Observe(99_999);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
    }

    [Fact]
    public void IsPlainArgMax_WithAnythingElseAskedFor_IsFalse()
    {
        Assert.True(new SamplingState(new SamplingSettings { TopP = 0.5, TopK = 2, MinP = 0.1, Seed = 3 }, []).IsPlainArgMax);
        Assert.All(
            new SamplingSettings[]
            {
                new() { Temperature = 0.1 },
                new() { RepetitionPenalty = 1.1 },
                new() { PresencePenalty = 0.1 },
                new() { FrequencyPenalty = -0.1 },
                new() { LogProbabilities = 0 },
            },
            settings => Assert.False(new SamplingState(settings, []).IsPlainArgMax));
        Assert.False(new SamplingState(SamplingSettings.Greedy, [], new FixedConstraint([1]), [End]).IsPlainArgMax);
    }

    [Theory]
    [InlineData(0.0, 1.0, 0, 0.0)]
    [InlineData(1.0, 1.0, 0, 0.0)]
    [InlineData(5.0, 1.0, 3, 0.0)]
    [InlineData(5.0, 0.99, 0, 0.0)]
    [InlineData(1e300, 1.0, 0, 0.1)]
    public void Choose_WithAConstraint_GivesAllowedTokensOnly(double temperature, double topP, int topK, double minP)
    {
        var random = new Random(5);
        const int Vocabulary = 130; // neither whole words nor whole vectors
        var sampler = new Sampler(Vocabulary);
        for (int round = 0; round < 500; round++)
        {
            int[] allowed = [.. Enumerable.Range(0, Vocabulary).Where(token => token != End && random.Next(round % 2 == 0 ? 3 : 60) == 0).Append(129)];
            var settings = new SamplingSettings { Temperature = temperature, TopP = topP, TopK = topK, MinP = minP, Seed = round, FrequencyPenalty = -1 };
            var state = new SamplingState(settings, [], new FixedConstraint(allowed), [End]);

            int token = sampler.Choose(state, [.. Enumerable.Range(0, Vocabulary).Select(_ => random.NextSingle() * 40)], round)!.Value;

            Assert.Contains(token, allowed);
        }
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, End)]
    public void Choose_WhenTheAnswerMayEnd_AllowsEndTokens(bool mayEnd, int expected)
    {
        // The constraint's own bit for the end token is not asked.
        var state = new SamplingState(SamplingSettings.Greedy, [], new FixedConstraint([1, 2, End], mayEnd), [End]);

        Assert.Equal(expected, new Sampler(6).Choose(state, [9f, 3f, 2f, 9f, 8f, 9f], 0));
    }

    [Theory]
    [InlineData(float.NegativeInfinity)]
    [InlineData(float.NaN)]
    public void Choose_WhenEveryAllowedLogitSaysNothing_IsNull(float broken)
    {
        foreach (double temperature in new[] { 0.0, 1.0 })
        {
            var state = new SamplingState(new SamplingSettings { Temperature = temperature }, [], new FixedConstraint([1, 2]), [End]);

            Assert.Null(new Sampler(6).Choose(state, [9f, broken, broken, 9f, 8f, 9f], 0));
        }
    }

    [Fact]
    public void Observe_OfAnEndToken_LeavesTheConstraintAlone()
    {
        var constraint = new FixedConstraint([1], mayEnd: true);
        var state = new SamplingState(SamplingSettings.Greedy, [], constraint, [End]);

        state.Observe(1);
        state.Observe(End);

        Assert.Equal([1], constraint.Advanced);
        Assert.False(state.IsComplete);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(20)]
    public void LogProbabilities_WhenAskedFor_AreThoseOfTheRawLogits(int likeliest)
    {
        var random = new Random(8);
        var sampler = new Sampler(131);
        for (int round = 0; round < 50; round++)
        {
            float[] logits = [.. Enumerable.Range(0, 131).Select(_ => MathF.Round(random.NextSingle() * 80 - 60) / 4)]; // many ties
            logits[round] = float.NegativeInfinity;
            var settings = new SamplingSettings { Temperature = 3, RepetitionPenalty = 1.5, PresencePenalty = 2, LogProbabilities = likeliest, Seed = round };
            var state = new SamplingState(settings, [1, 2, 3], new FixedConstraint([.. Enumerable.Range(60, 40)]), [End]);
            state.Observe(60);
            double total = logits.Sum(logit => Math.Exp(logit));

            int chosen = sampler.Choose(state, [.. logits], round)!.Value;

            // The definition, in double and without the shift by the largest: the two differ by their own rounding only.
            TokenLogProbability[] report = sampler.LogProbabilities.ToArray();
            int[] expected = [chosen, .. Enumerable.Range(0, 131).OrderByDescending(token => logits[token]).Take(likeliest)];
            Assert.Equal(expected, report.Select(entry => entry.Token));
            Assert.All(report, entry => Assert.Equal(logits[entry.Token] - Math.Log(total), entry.LogProbability, 1e-12));
        }
    }

    [Fact]
    public void LogProbabilities_WhenNotAskedForOrNothingWasChosen_AreEmpty()
    {
        var sampler = new Sampler(3);
        var asked = new SamplingState(new SamplingSettings { LogProbabilities = 5 }, []);
        sampler.Choose(asked, [1f, 2f, 3f], 0);
        Assert.Equal(4, sampler.LogProbabilities.Length); // the vocabulary has only three

        sampler.Choose(asked, [1f, float.NaN, 3f], 1);
        Assert.True(sampler.LogProbabilities.IsEmpty);
        sampler.Choose(new SamplingState(SamplingSettings.Greedy, []), [1f, 2f, 3f], 1);
        Assert.True(sampler.LogProbabilities.IsEmpty);
    }

    private sealed class FixedConstraint(int[] allowed, bool mayEnd = false) : ITokenConstraint, IConstraintState
    {
        private readonly ulong[] _mask = Mask(allowed);

        public List<int> Advanced { get; } = [];

        public int VocabularySize => _mask.Length * 64;

        public ReadOnlySpan<ulong> Allowed => _mask;

        public bool MayEnd => mayEnd;

        public bool MustEnd => false;

        public IConstraintState Start() => this;

        public void Advance(int token) => Advanced.Add(token);

        private static ulong[] Mask(int[] allowed)
        {
            ulong[] mask = new ulong[4];
            foreach (int token in allowed)
                mask[token / 64] |= BitOperations.RotateLeft(1UL, token);
            return mask;
        }
    }
}
