using MoeLora.Models.Architectures;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Architectures;

/// <summary>Sequences on blocks of a pool: the same logits, bit for bit, as with memory of their own.</summary>
[Collection(Pack.DeviceUsers)]
public sealed class PagedSequenceTests
{
    private const int BlockPositions = 32;

    [Theory]
    [MemberData(nameof(Pack.OnEveryDevice), MemberType = typeof(Pack))]
    public void Forward_OnPoolBlocks_EqualsOwnMemory(string pack, string deviceName)
    {
        using CausalModel model = Load(pack, deviceName);
        int[] prompt = LongPrompt(pack, 70);
        using KvPool pool = model.CreateKvPool(BlockPositions, 8);
        using ModelSequence other = model.StartSequence(prompt, pool.CreateCache());
        Assert.True(other.Cache.TryReserve(40)); // so that the next sequence's blocks are not the first
        using ModelSequence paged = model.StartSequence(prompt, pool.CreateCache()), alone = model.StartSequence(prompt, prompt.Length + 5);

        Equal(Feed(model, alone, prompt), Feed(model, paged, prompt));
        for (int token = 3; token < 8; token++)
            Equal(Feed(model, alone, token), Feed(model, paged, token));
    }

    [Theory]
    [InlineData("llama-tiny", "reference")]
    [InlineData("llama-tiny", "cpu")]
    [InlineData("qwen2-tiny", "cpu")]
    public void StartSequence_BlocksOfAnEqualPrefix_EqualsFeedingItAll(string pack, string deviceName)
    {
        using CausalModel model = Load(pack, deviceName);
        int[] prompt = LongPrompt(pack, 75);
        using KvPool pool = model.CreateKvPool(BlockPositions, 8);
        int[] kept;
        float[][] expected;
        using (ModelSequence first = model.StartSequence(prompt, pool.CreateCache()))
        {
            Feed(model, first, prompt.AsSpan(0, 64));
            expected = Feed(model, first, prompt.AsSpan(64));
            kept = first.Cache.Blocks[..2].ToArray();
            Array.ForEach(kept, pool.Retain);
        }

        using ModelSequence second = model.StartSequence(prompt, pool.CreateCache(kept), length: 64);
        Assert.Equal(64, second.Length);
        Equal(expected, Feed(model, second, prompt.AsSpan(64)));
        Assert.Equal(kept, second.Cache.Blocks[..2].ToArray());
    }

    [Theory]
    [MemberData(nameof(Pack.OnEveryDevice), MemberType = typeof(Pack))]
    public void Fork_AnswersThatGoOnApart_EqualSequencesAlone(string pack, string deviceName)
    {
        using CausalModel model = Load(pack, deviceName);
        int[] prompt = LongPrompt(pack, 40);
        using KvPool pool = model.CreateKvPool(BlockPositions, 8);
        using ModelSequence first = model.StartSequence(prompt, pool.CreateCache());
        Feed(model, first, prompt);
        using ModelSequence second = first.Fork();
        Assert.Equal(6, pool.FreeBlocks);

        float[][] firstLogits = Feed(model, first, 5), secondLogits = Feed(model, second, 9);

        Equal(Alone(5), firstLogits);
        Equal(Alone(9), secondLogits);
        Assert.Equal(5, pool.FreeBlocks);

        float[][] Alone(int token)
        {
            using ModelSequence sequence = model.StartSequence(prompt, prompt.Length + 1);
            Feed(model, sequence, prompt);
            return Feed(model, sequence, token);
        }
    }

    [Fact]
    public void Forward_WithoutRoomReserved_SaysSoAndAdvancesNobody()
    {
        using CausalModel model = Load("llama-tiny", "reference");
        using KvPool pool = model.CreateKvPool(BlockPositions, 4);
        using ModelSequence sequence = model.StartSequence([1, 2, 3], pool.CreateCache());
        var batch = new StepBatch();
        Assert.Contains("reserve", Assert.Throws<ArgumentException>(() => batch.Add(sequence, [1, 2, 3], LogitsWanted.None)).Message);

        sequence.Cache.TryReserve(3);
        batch.Add(sequence, [1, 2, 3], LogitsWanted.None);
        using (sequence.Cache.Fork(3)) // shares the block after it was added
            Assert.Contains("another sequence", Assert.Throws<ArgumentException>(() => model.Run(batch)).Message);
        Assert.Equal(0, sequence.Length);
        model.Run(batch);
        Assert.Equal(3, sequence.Length);
    }

    [Fact]
    public void Forward_PastTheModelsPositions_Refused()
    {
        using CausalModel model = Load("llama-tiny", "cpu");
        using KvPool pool = model.CreateKvPool(BlockPositions, 9);
        int[] prompt = LongPrompt("llama-tiny", model.Config.MaxPositions);
        using ModelSequence sequence = model.StartSequence(prompt, pool.CreateCache());
        Feed(model, sequence, prompt);

        Assert.Contains("at most 256", Assert.Throws<ArgumentException>(() => Feed(model, sequence, 1)).Message);
    }

    [Fact]
    public void StartSequence_CacheThatDoesNotFit_SaysWhy()
    {
        using CausalModel model = Load("llama-tiny", "cpu"), other = Load("chatglm-tiny", "cpu"), elsewhere = Load("llama-tiny", "reference");
        using KvPool pool = model.CreateKvPool(BlockPositions, 2), otherPool = other.CreateKvPool(BlockPositions, 2), elsewherePool = elsewhere.CreateKvPool(BlockPositions, 2);
        using KvCache cache = pool.CreateCache(), otherCache = otherPool.CreateCache(), elsewhereCache = elsewherePool.CreateCache();
        cache.TryReserve(32);

        Refused("the model needs", otherCache, 0);
        Refused("on reference", elsewhereCache, 0);
        Refused("the prompt has 40", cache, 41);
        Refused("the prompt has 40", cache, -1);
        Refused("the cache holds 32", cache, 33);

        void Refused(string reason, KvCache given, int length)
            => Assert.Contains(reason, Assert.Throws<ArgumentException>(() => model.StartSequence(LongPrompt("llama-tiny", 40), given, length)).Message);
    }

    [Fact]
    public void StartSequence_PartOfAPrefixSeenInBothDirections_Refused()
    {
        using CausalModel model = Load("chatglm-tiny", "cpu");
        int[] prompt = LongPrompt("chatglm-tiny", 40);
        using KvPool pool = model.CreateKvPool(BlockPositions, 4);
        using KvCache cache = pool.CreateCache();
        cache.TryReserve(prompt.Length);

        Assert.Contains("see each other", Assert.Throws<ArgumentException>(() => model.StartSequence(prompt, cache, 32)).Message);
        Assert.Equal(prompt.Length, model.StartSequence(prompt, cache, prompt.Length).Length);
    }

    [Fact]
    public void KvBytesPerPosition_TimesPositions_IsTheSizeOfABlock()
    {
        using CausalModel model = Load("qwen2-tiny", "cpu");
        using KvPool pool = model.CreateKvPool(BlockPositions, 1);
        Assert.Equal(pool.BlockBytes, BlockPositions * model.KvBytesPerPosition);
    }

    private static CausalModel Load(string pack, string device) => ModelLoader.Load(Pack.Directory(pack), Pack.Device(device), DType.F32);

    /// <summary>A pack's prompt, drawn out at its beginning, because the end may have tokens that the architecture needs.</summary>
    private static int[] LongPrompt(string pack, int length)
    {
        int[] end = Pack.Prompts(pack)[0];
        return [.. Enumerable.Range(0, length - end.Length).Select(i => 3 + 7 * i % 200), .. end];
    }

    /// <summary>One step, with room reserved for it.</summary>
    private static float[][] Feed(CausalModel model, ModelSequence sequence, params ReadOnlySpan<int> tokens)
    {
        Assert.True(sequence.Cache.IsWritable(sequence.Length, sequence.Length + tokens.Length) || sequence.Cache.TryReserve(sequence.Length, sequence.Length + tokens.Length));
        return model.Feed(sequence, tokens);
    }

    private static void Equal(float[][] expected, float[][] actual) => Assert.Equal(0, Stepping.Distance(expected, actual));
}
