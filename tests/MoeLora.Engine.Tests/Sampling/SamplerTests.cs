using MoeLora.Engine.Sampling;

namespace MoeLora.Engine.Tests.Sampling;

public sealed class SamplerTests
{
    [Fact]
    public void Choose_Greedy_TakesTheFirstOfTheLargest()
    {
        Assert.Equal(2, Choose(SamplingSettings.Greedy, [1f, -3f, 7f, 7f, 2f]));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Choose_OfALogitThatSaysNothing_IsNull(float broken)
    {
        foreach (double temperature in new[] { 0.0, 1.0 })
        {
            for (int at = 0; at < 3; at++)
            {
                float[] logits = [1f, 2f, 3f];
                logits[at] = broken;
                Assert.Null(Choose(new SamplingSettings { Temperature = temperature, RepetitionPenalty = 1.1 }, logits));
            }
        }
    }

    [Fact]
    public void Choose_OfNothingButMinusInfinity_IsNull()
    {
        Assert.Null(Choose(new SamplingSettings { Temperature = 1 }, [float.NegativeInfinity, float.NegativeInfinity]));
    }

    [Fact]
    public void Choose_OfOneFiniteLogit_TakesIt()
    {
        Assert.Equal(1, Choose(new SamplingSettings { Temperature = 2 }, [float.NegativeInfinity, -1e30f, float.NegativeInfinity]));
    }

    [Theory]
    [InlineData(1.0, 1.0, 0, 0)]
    [InlineData(0.5, 1.0, 0, 0)]
    [InlineData(1.7, 1.0, 0, 0)]
    [InlineData(1.0, 1.0, 5, 0)]
    [InlineData(1.0, 0.8, 0, 0)]
    [InlineData(0.9, 0.8, 6, 0)]
    [InlineData(1.5, 1.0, 0, 0.3)]
    [InlineData(0.9, 0.95, 8, 0.2)]
    public void Choose_ManyTimes_FollowsTheProbabilities(double temperature, double topP, int topK, double minP)
    {
        const int Draws = 40_000;
        float[] logits = [0.5f, 2f, -1f, 1.5f, 2f, 0f, -30f, 1f, 0.25f, -0.5f]; // ten: not a whole number of vectors
        var settings = new SamplingSettings { Temperature = temperature, TopP = topP, TopK = topK, MinP = minP, Seed = 11 };
        double[] expected = Probabilities(logits, settings);
        int[] counts = new int[logits.Length];
        var sampler = new Sampler(logits.Length);
        var state = new SamplingState(settings, []);

        for (int position = 0; position < Draws; position++)
            counts[sampler.Choose(state, [.. logits], position)!.Value]++;

        // Tokens expected less than 5 times are left to the exact comparison below: χ² is not valid for them.
        int[] common = [.. Enumerable.Range(0, logits.Length).Where(token => expected[token] * Draws >= 5)];
        double chiSquare = common.Sum(token => Math.Pow(counts[token] - expected[token] * Draws, 2) / (expected[token] * Draws));
        Assert.InRange(chiSquare, 0, 27.9); // 9 degrees of freedom or fewer: once in a thousand; the draws are fixed
        Assert.All(Enumerable.Range(0, logits.Length), token => Assert.True(expected[token] > 0 || counts[token] == 0));
    }

    [Theory]
    [InlineData(1.0, 0, 0)]
    [InlineData(0.95, 0, 0)]
    [InlineData(0.3, 0, 0)]
    [InlineData(1e-9, 0, 0)]
    [InlineData(1.0, 1, 0)]
    [InlineData(1.0, 40, 0)]
    [InlineData(0.7, 40, 0)]
    [InlineData(0.9, 999, 0)]
    [InlineData(0.9, 1000, 0)]
    [InlineData(0.9, 5000, 0)]
    [InlineData(1.0, 0, 0.05)]
    [InlineData(0.9, 0, 0.3)]
    [InlineData(1.0, 40, 1.0)]
    [InlineData(0.9, 30, 0.2)]
    public void Choose_InALargeVocabulary_EqualsTheDefinition(double topP, int topK, double minP)
    {
        const int Vocabulary = 1000;
        var random = new Random(3);
        var sampler = new Sampler(Vocabulary);
        for (int round = 0; round < 100; round++)
        {
            float[] logits = [.. Enumerable.Range(0, Vocabulary).Select(_ => MathF.Round(random.NextSingle() * 60) / 5)]; // many ties
            var settings = new SamplingSettings { Temperature = 0.1 + random.NextDouble(), TopP = topP, TopK = topK, MinP = minP, Seed = round };
            double[] expected = Probabilities(logits, settings);

            int token = sampler.Choose(new SamplingState(settings, []), [.. logits], round)!.Value;

            // The draw walks either the vocabulary or the ranking, so u lies inside the token's share of that walk; weights are
            // float, hence 1e-5 of play at its edges.
            int[] walk = topP < 1 || (topK > 0 && topK < Vocabulary) ? Ranked(expected) : [.. Enumerable.Range(0, Vocabulary)];
            double uniform = SeededDraws.Uniform(round, round);
            double before = walk.TakeWhile(other => other != token).Sum(other => expected[other]);
            Assert.InRange(uniform, before - 1e-5, before + expected[token] + 1e-5);
        }
    }

    [Fact]
    public void Choose_TopKAmongEquals_KeepsTheLowestIds()
    {
        var settings = new SamplingSettings { Temperature = 1, TopK = 3 };
        var sampler = new Sampler(20);
        var state = new SamplingState(settings, []);

        HashSet<int> chosen = [.. Enumerable.Range(0, 200).Select(position => sampler.Choose(state, new float[20], position)!.Value)];

        Assert.Equal([0, 1, 2], chosen.Order());
    }

    [Theory]
    [InlineData(1e-3)]
    [InlineData(1e-300)]
    public void Choose_AtATinyTemperature_IsGreedy(double temperature)
    {
        for (int position = 0; position < 50; position++)
            Assert.Equal(1, Choose(new SamplingSettings { Temperature = temperature }, [1f, 3f, 2f], position));
    }

    [Fact]
    public void Choose_WithTheSameSeed_GivesTheSameTokensWhateverCameBefore()
    {
        var settings = new SamplingSettings { Temperature = 1, Seed = 9 };
        float[] logits = [.. Enumerable.Range(0, 50).Select(i => i % 7 * 0.3f)];
        var used = new Sampler(50);
        var other = new SamplingState(new SamplingSettings { Temperature = 2, TopK = 4, RepetitionPenalty = 3, Seed = 1 }, [1, 2, 3]);
        for (int position = 0; position < 20; position++)
            other.Observe(used.Choose(other, [.. logits], position)!.Value);

        var state = new SamplingState(settings, []);
        int?[] again = [.. Enumerable.Range(0, 30).Reverse().Select(position => used.Choose(state, [.. logits], position)).Reverse()];

        Assert.Equal(Enumerable.Range(0, 30).Select(position => Choose(settings, [.. logits], position)), again);
        Assert.NotEqual(Enumerable.Range(0, 30).Select(position => Choose(settings with { Seed = 10 }, [.. logits], position)), again);
    }

    [Fact]
    public void Choose_WithARepetitionPenalty_DividesPositiveAndMultipliesOtherLogitsOnce()
    {
        float[] logits = [2f, -1f, 0f, 2f, -1f];
        var sampler = new Sampler(5);
        var state = new SamplingState(new SamplingSettings { RepetitionPenalty = 4 }, [0, 0, 1]);
        state.Observe(2);
        state.Observe(0);

        sampler.Choose(state, logits, 0);

        Assert.Equal([0.5f, -4f, 0f, 2f, -1f], logits);
    }

    [Fact]
    public void Choose_AfterTheFirst_AllocatesNothing()
    {
        float[] logits = [.. Enumerable.Range(0, 3000).Select(i => i * 7919 % 3000 / 500f)];
        float[] scratch = new float[logits.Length];
        var sampler = new Sampler(logits.Length);
        foreach (SamplingSettings settings in new SamplingSettings[]
        {
            new() { Temperature = 1 },
            new() { Temperature = 1, TopP = 0.9 },
            new() { Temperature = 1, MinP = 0.1 },
            new() { Temperature = 1, TopK = 40, TopP = 0.9, RepetitionPenalty = 1.1, FrequencyPenalty = 0.5, PresencePenalty = -1, LogProbabilities = 20 },
        })
        {
            var state = new SamplingState(settings, [1, 2]);
            state.Observe(7);
            logits.CopyTo(scratch, 0);
            sampler.Choose(state, scratch, 0);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int position = 1; position < 50; position++)
            {
                logits.CopyTo(scratch, 0);
                sampler.Choose(state, scratch, position);
            }

            Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }
    }

    [Fact]
    public void Settings_OutOfRange_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingSettings { Temperature = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingSettings { Temperature = double.NaN });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingSettings { TopP = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingSettings { TopK = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingSettings { RepetitionPenalty = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingSettings { MinP = 1.1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingSettings { PresencePenalty = 2.1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingSettings { FrequencyPenalty = double.NaN });
        Assert.Throws<ArgumentOutOfRangeException>(() => new SamplingSettings { LogProbabilities = 21 });
    }

    private static int? Choose(SamplingSettings settings, float[] logits, int position = 0) =>
        new Sampler(logits.Length).Choose(new SamplingState(settings, []), logits, position);

    /// <summary>Largest first, of equals the lower id; tokens without probability left out.</summary>
    private static int[] Ranked(double[] probabilities) =>
        [.. Enumerable.Range(0, probabilities.Length).Where(token => probabilities[token] > 0).OrderByDescending(token => probabilities[token])];

    /// <summary>The definition in double precision: temperature, then top-k, then top-p, then min-p.</summary>
    private static double[] Probabilities(float[] logits, SamplingSettings settings)
    {
        double max = logits.Max();
        double[] weights = [.. logits.Select(logit => Math.Exp((logit - max) / settings.Temperature))];
        int[] order = Ranked(weights);
        if (settings.TopK > 0)
            order = [.. order.Take(settings.TopK)];
        double total = order.Sum(token => weights[token]);
        if (settings.TopP < 1)
        {
            double sum = 0;
            int kept = order.TakeWhile(token =>
            {
                bool needed = sum < settings.TopP * total;
                sum += weights[token];
                return needed;
            }).Count();
            order = [.. order.Take(kept)];
        }

        order = [.. order.Where(token => weights[token] >= settings.MinP)];
        total = order.Sum(token => weights[token]);
        double[] probabilities = new double[logits.Length];
        foreach (int token in order)
            probabilities[token] = weights[token] / total;
        return probabilities;
    }
}
