using MoeLora.Engine.Constraints;
using MoeLora.Engine.Constraints.Automata;
using MoeLora.Engine.Constraints.Json;
using static MoeLora.Engine.Tests.Constraints.ConstrainedAnswers;

namespace MoeLora.Engine.Tests.Constraints;

public sealed class AutomatonConstraintTests
{
    private static readonly ListTokenizer Tokenizer = ListTokenizer.Json;
    private static readonly TokenVocabulary Vocabulary = new(Tokenizer, Tokenizer.VocabularySize + 3);

    [Fact]
    public void Allowed_NearAndFarFromBounds_EqualsEachTokenTriedByItself()
    {
        // Tokens of up to 32 bytes against counts around 32 and around those that short tokens see: where rounding would show.
        foreach ((int least, int most) in new[] { (0, 1), (3, 16), (14, 17), (20, 32), (33, 33), (34, 70), (0, RepeatExpression.Unbounded) })
        {
            ITokenConstraint constraint = Constraint(json => json.Array(json.Text(least, most), 1, 20));
            foreach (int length in new[] { 0, 1, 2, 13, 16, 18, 32, 35 }.Where(length => length <= most))
            {
                byte[] prefix = [.. "[\""u8, .. Enumerable.Repeat((byte)'a', length)];
                ReadOnlySpan<ulong> allowed = At(constraint, prefix).Allowed;
                for (int token = 0; token < constraint.VocabularySize; token++)
                    Assert.True(Contains(allowed, token) == Takes(constraint, prefix, token), $"{least} to {most}, {length}, token {token}");
            }
        }
    }

    [Fact]
    public void State_AfterThingsWereForgotten_GoesOnAsBefore()
    {
        ITokenConstraint forgetful = Constraint(json => json.AnyObject(4), largestGrowth: 2000);
        ITokenConstraint patient = Constraint(json => json.AnyObject(4));
        var random = new Random(9);
        for (int round = 0; round < 12; round++)
        {
            IConstraintState[] states = [forgetful.Start(), forgetful.Start(), patient.Start()];
            for (int step = 0; step < 60 && !states[2].MustEnd; step++)
            {
                ulong[] expected = states[2].Allowed.ToArray();
                int[] allowed = [.. Enumerable.Range(0, patient.VocabularySize).Where(token => Contains(expected, token))];
                int chosen = allowed[random.Next(allowed.Length)];
                foreach (IConstraintState state in states)
                {
                    if (state != states[1])
                        Assert.Equal(expected, state.Allowed.ToArray()); // one that never asks has its turn later
                    state.Advance(chosen);
                    Assert.Equal(states[0].MayEnd, state.MayEnd);
                }
            }

            Assert.Equal(states[2].Allowed.ToArray(), states[1].Allowed.ToArray());
        }
    }

    [Fact]
    public void States_OnManyThreads_DoNotDisturbEachOther()
    {
        ITokenConstraint constraint = Constraint(json => json.AnyObject(6), largestGrowth: 20_000);

        Parallel.For(0, 8, seed =>
        {
            for (int round = 0; round < 5; round++)
                Generate(constraint, Tokenizer, 0, new Random(seed), 100);
        });

        Assert.True(Accepts(constraint, "{\"a\":[1,{}]}"));
    }

    [Fact]
    public void Advance_WhereStatesAndMasksAreKnown_AllocatesNothing()
    {
        ITokenConstraint constraint = Constraint(json => json.Text(0, RepeatExpression.Unbounded));
        IConstraintState state = constraint.Start();
        state.Advance('"' + 1);
        for (int i = 0; i < 3; i++)
            Step();

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
            Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Step()
        {
            _ = state.Allowed;
            state.Advance('a' + 1);
        }
    }

    private static ITokenConstraint Constraint(Func<JsonExpressions, ByteExpression> make, long largestGrowth = 1 << 24)
    {
        ByteExpression answers = make(new JsonExpressions(new ExpressionTable()));
        return new AutomatonConstraint(Vocabulary, answers, new ByteAlphabet(answers), largestGrowth);
    }

    private static IConstraintState At(ITokenConstraint constraint, byte[] prefix)
    {
        IConstraintState state = constraint.Start();
        foreach (byte value in prefix)
            state.Advance(value + 1);
        return state;
    }

    private static bool Takes(ITokenConstraint constraint, byte[] prefix, int token)
    {
        IConstraintState state = At(constraint, prefix);
        try
        {
            state.Advance(token);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
