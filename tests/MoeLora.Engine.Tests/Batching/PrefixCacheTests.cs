using MoeLora.Engine.Batching;
using MoeLora.Engine.Batching.Prefixes;
using MoeLora.Engine.Generation;
using MoeLora.Engine.Sampling;
using MoeLora.Tensors;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Engine.Tests.Batching;

public sealed class PrefixCacheTests : IDisposable
{
    private readonly CpuDevice _device = new(1);
    private readonly KvPool _pool;
    private readonly PrefixCache _cache;

    public PrefixCacheTests()
    {
        _pool = _device.CreateKvPool(1, 1, 8, 32, 6);
        _cache = new PrefixCache(_pool);
    }

    public void Dispose()
    {
        _pool.Dispose();
        _device.Dispose();
    }

    [Fact]
    public void Find_OfAKeptBeginning_GivesItsWholeBlocks()
    {
        int[] prompt = [.. Enumerable.Range(0, 100)];
        int[] blocks = Keep("key", prompt);

        Assert.Equal(blocks[..3], Find("key", prompt));
        Assert.Equal(blocks[..3], Find("key", [.. prompt[..96], 7, 7, 7]));
        Assert.Equal(blocks[..2], Find("key", prompt[..96])); // the last token is always computed
        Assert.Equal(blocks[..2], Find("key", [.. prompt[..95], 7, 7, 7]));
        Assert.Equal(blocks[..1], Find("key", prompt[..50]));
        Assert.Empty(Find("key", prompt[1..]));
        Assert.Empty(Find("key", [7, .. prompt[1..]]));
    }

    [Fact]
    public void Find_OfAnotherKey_GivesNothing()
    {
        int[] prompt = [.. Enumerable.Range(0, 100)];
        Keep("key", prompt);

        Assert.Empty(Find("Key", prompt));
        Assert.Empty(Find("", prompt));
    }

    [Fact]
    public void Find_OfTheSameTokensAfterAnotherBeginning_GivesNothing()
    {
        int[] prompt = [.. Enumerable.Range(0, 64)];
        Keep("key", prompt);

        // The second block's tokens are known, but not as a first block, nor after others.
        Assert.Empty(Find("key", [.. prompt[32..], .. prompt]));
        Assert.Single(Find("key", [.. prompt[..32], .. prompt[..32], 1]));
    }

    [Fact]
    public void TryEvict_FreesTheLeastRecentlyUsedFromTheEnd()
    {
        int[] first = [.. Enumerable.Range(0, 65)], second = [.. Enumerable.Range(100, 65)];
        int[] firstBlocks = Keep("key", first), secondBlocks = Keep("key", second);
        Find("key", first);
        Assert.Equal((2, 4), (_pool.FreeBlocks, _cache.Evictable));

        foreach (int block in (int[])[secondBlocks[1], secondBlocks[0], firstBlocks[1], firstBlocks[0]])
        {
            Assert.Equal(1, _pool.References(block));
            Assert.True(_cache.TryEvict());
            Assert.Equal(0, _pool.References(block));
        }

        Assert.False(_cache.TryEvict());
        Assert.Equal((6, 0, 0), (_pool.FreeBlocks, _cache.Evictable, _cache.Count));
        Assert.Empty(Find("key", first));
    }

    [Fact]
    public void TryEvict_OfWhatIsInUse_IsFalse()
    {
        int[] prompt = [.. Enumerable.Range(0, 65)];
        Keep("key", prompt);
        List<PrefixBlock> chain = [];
        _cache.Find("key", prompt.AsMemory(0, 33), chain);

        Assert.True(_cache.TryEvict());  // the second block
        Assert.False(_cache.TryEvict()); // the first is in use
        _cache.Release(chain);
        Assert.True(_cache.TryEvict());
    }

    [Fact]
    public void Extend_OfWhatAnotherKeptMeanwhile_KeepsItOnce()
    {
        int[] prompt = [.. Enumerable.Range(0, 65)];
        List<PrefixBlock> first = [], second = [];
        using KvCache one = _pool.CreateCache(), two = _pool.CreateCache();
        Assert.True(one.TryReserve(64) && two.TryReserve(64));

        _cache.Extend("key", prompt, 40, one.Blocks, first);
        _cache.Extend("key", prompt, 64, two.Blocks, second);
        _cache.Extend("key", prompt, 64, one.Blocks, first);

        Assert.Equal(first, second);
        Assert.Equal([one.Block(0), two.Block(1)], first.Select(block => block.Block));
        _cache.Release(first);
        Assert.Equal(0, _cache.Evictable);
        _cache.Release(second);
        Assert.Equal(2, _cache.Evictable);
    }

    [Fact]
    public void Answers_WithTheSameBeginning_UseItAndAreTheSame()
    {
        using var pack = new EnginePack(Pack.Qwen2);
        using BatchEngine engine = pack.Engine();
        var random = new Random(4);
        int[] beginning = pack.Prompt(random, 70);
        EngineRequest[] requests =
        [
            .. Enumerable.Range(0, 6).Select(i => new EngineRequest
            {
                Task = pack.Shared[1],
                Prompt = [.. beginning, .. pack.Prompt(random, 5 + i)],
                Settings = new GenerationSettings { MaxTokens = 12, Sampling = new SamplingSettings { LogProbabilities = 0 } },
                PrefixKey = "key",
            }),
        ];
        RecordedOutput[] outputs = [.. requests.Select(_ => new RecordedOutput())];

        for (int i = 0; i < requests.Length; i++)
        {
            engine.TrySubmit(requests[i], outputs[i]);
            Assert.Equal(i == 0 ? 0 : 64, outputs[i].Wait().CachedTokens);
        }

        MixedBatchTests.AssertEqualAlone(pack, requests, outputs);
        Assert.Equal(5 * 64, engine.Statistics.CachedTokens);
        Assert.Equal(2, engine.Statistics.CachedBlocks);
        BatchEngineTests.AssertWhole(engine);
    }

    [Fact]
    public void Answers_OfAnotherKeyOrNone_UseNothing()
    {
        using var pack = new EnginePack(Pack.Llama);
        using BatchEngine engine = pack.Engine();
        int[] prompt = pack.Prompt(new Random(4), 70);
        foreach (string? key in (string?[])["a", "b", null, null])
        {
            var output = new RecordedOutput();
            engine.TrySubmit(new EngineRequest { Task = pack.Shared[0], Prompt = prompt, Settings = new GenerationSettings { MaxTokens = 1 }, PrefixKey = key }, output);
            Assert.Equal(0, output.Wait().CachedTokens);
        }
    }

    [Fact]
    public void Prompts_ThatSeeThemselvesWhole_ShareNothing()
    {
        using var pack = new EnginePack(Pack.ChatGlm);
        using BatchEngine engine = pack.Engine();
        int[] prompt = pack.Prompt(new Random(4), 70);
        for (int i = 0; i < 2; i++)
        {
            var output = new RecordedOutput();
            engine.TrySubmit(new EngineRequest { Task = pack.Shared[0], Prompt = prompt, Settings = new GenerationSettings { MaxTokens = 1 }, PrefixKey = "a" }, output);
            Assert.Equal(0, output.Wait().CachedTokens);
        }

        Assert.Equal(0, engine.Statistics.CachedBlocks);
    }

    /// <summary>As a request does that comes, computes its prompt and ends.</summary>
    private int[] Keep(string key, int[] prompt)
    {
        List<PrefixBlock> chain = [];
        using KvCache cache = _pool.CreateCache();
        Assert.True(cache.TryReserve(prompt.Length / 32 * 32));
        int[] blocks = cache.Blocks.ToArray();
        _cache.Find(key, prompt, chain);
        _cache.Extend(key, prompt, prompt.Length, cache.Blocks, chain);
        _cache.Release(chain);
        return blocks;
    }

    private int[] Find(string key, int[] prompt)
    {
        List<PrefixBlock> chain = [];
        _cache.Find(key, prompt, chain);
        int[] blocks = [.. chain.Select(block => block.Block)];
        _cache.Release(chain);
        return blocks;
    }
}
