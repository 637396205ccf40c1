using System.Diagnostics;
using System.Text;
using MoeLora.Engine.Constraints;
using MoeLora.Engine.Sampling;
using Xunit.Abstractions;

namespace MoeLora.Engine.Tests.Constraints;

/// <summary>What masks and choices cost with a vocabulary of 150,000. Prints its figures; the bounds are wide, for slow and busy machines.</summary>
public sealed class ConstraintTimingTests(ITestOutputHelper output)
{
    private const string Schema = """
        {"type":"object","properties":{
            "diagnosis":{"type":"string","maxLength":100},
            "codes":{"type":"array","items":{"type":"string","pattern":"^[A-Z]\\d{2}(?:\\.\\d)?$"},"maxItems":20},
            "severity":{"enum":["mild","moderate","severe"]},
            "age":{"type":"integer","minimum":0,"maximum":150},
            "findings":{"type":"array","maxItems":50,"items":{"type":"object","properties":{
                "name":{"type":"string"},"present":{"type":"boolean"},"value":{"type":["number","null"]}},"required":["name","present"],"additionalProperties":false}}},
          "required":["diagnosis","severity"],"additionalProperties":false}
        """;

    private const string Answer = """
        {"diagnosis": "支气管炎 and a rather long text about it, so that many states are passed", "codes": ["J20.9", "J40"], "severity": "moderate", "age": 61, "findings": [{"name": "咳嗽", "present": true, "value": null}, {"name": "fever with chills", "present": false}, {"name": "x", "present": true, "value": -38.5}]}
        """; // as a model might write it

    private static readonly (ConstraintCompiler Compiler, TimeSpan Time) Prepared = Prepare();

    [Fact]
    public void Masks_OfALargeVocabulary_AreCheapAndCheapestWhenKept()
    {
        (ConstraintCompiler compiler, TimeSpan time) = Prepared;
        output.WriteLine($"vocabulary prepared in {time.TotalMilliseconds:F0} ms");
        Visit(ConstrainedAnswers.Require(compiler.JsonObject()), "{\"warm\":1}"); // code that has not run yet is not measured

        // The least of some rounds, each with a constraint of its own: what else the machine does is not meant.
        double compiled = double.MaxValue;
        double[] first = [.. Enumerable.Repeat(double.MaxValue, Encoding.UTF8.GetByteCount(Answer))];
        double[] again = first;
        for (int round = 0; round < 3; round++)
        {
            long started = Stopwatch.GetTimestamp();
            ITokenConstraint constraint = ConstrainedAnswers.Require(compiler.JsonSchema(Schema + new string(' ', round)));
            compiled = Math.Min(compiled, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            first = [.. first.Zip(Visit(constraint, Answer), Math.Min)];
            again = [.. again.Zip(Visit(constraint, Answer), Math.Min)];
        }

        output.WriteLine($"schema compiled in {compiled:F1} ms");
        output.WriteLine($"masks at {first.Length} bytes, first visit: mean {first.Average():F3} ms, largest {first.Max():F2} ms; again: mean {again.Average() * 1000:F2} µs");

        byte[] bytes = Encoding.UTF8.GetBytes(Answer);
        foreach (int place in Enumerable.Range(0, first.Length).OrderByDescending(place => first[place]).Take(8))
            output.WriteLine($"  {first[place]:F2} ms at byte {place}, after '{Encoding.UTF8.GetString(bytes[Math.Max(0, place - 8)..place])}'");
        output.WriteLine($"  {first[0]:F2} ms at the start");

        Assert.InRange(first.Max(), 0, 500);
        Assert.InRange(again.Average(), 0, 0.3);
    }

    [Fact]
    public void Choices_FromALargeVocabulary_AreCheap()
    {
        var random = new Random(4);
        float[] logits = [.. Enumerable.Range(0, LargeVocabulary.Size).Select(_ => (float)(-10 + 2.5 * Normal(random)))];
        logits[77] = 5;
        float[] row = new float[logits.Length];
        var sampler = new Sampler(LargeVocabulary.Size);
        ITokenConstraint constraint = ConstrainedAnswers.Require(Prepared.Compiler.JsonObject());
        foreach ((string name, SamplingSettings settings, ITokenConstraint? with) in new (string, SamplingSettings, ITokenConstraint?)[]
        {
            ("greedy", SamplingSettings.Greedy, null),
            ("greedy, JSON", SamplingSettings.Greedy, constraint),
            ("temperature 1", new() { Temperature = 1 }, null),
            ("temperature 1, min-p 0.05", new() { Temperature = 1, MinP = 0.05 }, null),
            ("temperature 0.7, top-p 0.9", new() { Temperature = 0.7, TopP = 0.9 }, null),
            ("temperature 0.7, top-k 40, top-p 0.9", new() { Temperature = 0.7, TopK = 40, TopP = 0.9 }, null),
            ("all penalties, 20 log probabilities", new() { Temperature = 0.7, TopK = 40, RepetitionPenalty = 1.1, PresencePenalty = 1, FrequencyPenalty = 1, LogProbabilities = 20 }, null),
        })
        {
            var state = new SamplingState(settings, [.. Enumerable.Range(0, 500)], with, [0]);
            double best = double.MaxValue; // of many: what the machine does besides is not meant
            for (int round = 0; round < 60; round++)
            {
                logits.CopyTo(row, 0);
                long started = Stopwatch.GetTimestamp();
                sampler.Choose(state, row, round);
                best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            }

            output.WriteLine($"{name}: {best:F3} ms a token");
            Assert.InRange(best, 0, 50);
        }
    }

    private static (ConstraintCompiler Compiler, TimeSpan Time) Prepare()
    {
        ListTokenizer tokenizer = LargeVocabulary.Tokenizer;
        long started = Stopwatch.GetTimestamp();
        var compiler = new ConstraintCompiler(tokenizer, LargeVocabulary.Size);
        return (compiler, Stopwatch.GetElapsedTime(started));
    }

    /// <summary>Milliseconds for the mask at each byte of an answer.</summary>
    private static double[] Visit(ITokenConstraint constraint, string answer)
    {
        IConstraintState state = constraint.Start();
        var times = new List<double>();
        foreach (byte value in Encoding.UTF8.GetBytes(answer))
        {
            long started = Stopwatch.GetTimestamp();
            ReadOnlySpan<ulong> allowed = state.Allowed;
            times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
            Assert.True(ConstrainedAnswers.Contains(allowed, value + 1));
            state.Advance(value + 1);
        }

        Assert.True(state.MustEnd);
        return [.. times];
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
