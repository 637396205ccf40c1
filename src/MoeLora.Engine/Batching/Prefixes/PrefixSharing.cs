using MoeLora.Tensors;

namespace MoeLora.Engine.Batching.Prefixes;

/// <summary>What a request uses of the prefix cache, and gives to it.</summary>
internal sealed class PrefixSharing(KvPool pool, PrefixCache cache)
{
    private int[] _blocks = [];

    /// <summary>Looks for the beginning of a request's prompt.</summary>
    /// <returns>Tokens found.</returns>
    public int Find(EngineJob job)
    {
        if (job.SharesPrefix)
            cache.Find(job.Request.PrefixKey!, job.Request.Prompt, job.Prefix);
        return job.Prefix.Count * pool.BlockPositions;
    }

    /// <summary>A cache for the request that begins with what was found.</summary>
    public KvCache CreateCache(EngineJob job)
    {
        if (_blocks.Length < job.Prefix.Count)
            _blocks = new int[2 * job.Prefix.Count];
        for (int i = 0; i < job.Prefix.Count; i++)
            _blocks[i] = job.Prefix[i].Block;
        return pool.CreateCache(_blocks.AsSpan(0, job.Prefix.Count));
    }

    /// <summary>Keeps what is computed of a request's prompt.</summary>
    public void Keep(EngineJob job)
    {
        if (job.SharesPrefix)
            cache.Extend(job.Request.PrefixKey!, job.Request.Prompt, job.Prompt!.Length, job.Prompt.Cache.Blocks, job.Prefix);
    }

    /// <summary>Ends a request's use.</summary>
    public void Release(EngineJob job) => cache.Release(job.Prefix);
}
