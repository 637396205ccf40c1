using MoeLora.Tensors.Cpu;
using MoeLora.Tensors.Reference;

namespace MoeLora.Tensors.Tests;

/// <summary>
/// Random reservations, writes, forks, retained blocks and disposals against a model that keeps what each cache holds in lists of its own: no block is
/// lost or held by one who should not, nobody sees another's writes, and a refusal changes nothing.
/// </summary>
public sealed class KvPoolModelTests
{
    private const int BlockPositions = 32, Blocks = 24;

    [Fact]
    public void Pool_RandomOperations_KeepsEveryBlockAndValue()
    {
        int seeds = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 200 : 10;
        for (int seed = 0; seed < seeds; seed++)
        {
            using var run = new Run(seed);
            for (int i = 0; i < 400; i++)
            {
                run.Operate();
                run.Check();
            }
            run.End();
        }
    }

    private sealed class Run(int seed) : IDisposable
    {
        private readonly Random _random = new(seed);
        private readonly ReferenceDevice _device = new();
        private readonly KvPool _pool = new ReferenceDevice().CreateKvPool(1, 1, 1, BlockPositions, Blocks);
        private readonly List<(KvCache Cache, List<float> Values)> _caches = [];
        private readonly List<(int Block, float[] Values)> _retained = [];
        private float _next;
        private string _operation = "";

        public void Operate()
        {
            switch (_caches.Count == 0 ? 0 : _random.Next(8))
            {
                case 0: // a new cache, on blocks that were kept when there are some
                    (int Block, float[] Values)[] kept = [.. _retained.DistinctBy(r => r.Block).Take(_random.Next(3))];
                    _operation = $"create on {kept.Length} blocks";
                    _caches.Add((_pool.CreateCache([.. kept.Select(r => r.Block)]), [.. kept.SelectMany(r => r.Values)]));
                    break;
                case 1 or 2 or 3: // append, or overwrite from a position on
                    (KvCache cache, List<float> values) = _caches[_random.Next(_caches.Count)];
                    int from = _random.Next(4) == 0 ? _random.Next(values.Count + 1) : values.Count;
                    Write(cache, values, from, from + 1 + _random.Next(_random.Next(2) == 0 ? 2 : 80));
                    break;
                case 4:
                    (KvCache parent, List<float> all) = _caches[_random.Next(_caches.Count)];
                    int shared = _random.Next(all.Count + 1);
                    _operation = $"fork at {shared}";
                    _caches.Add((parent.Fork(shared), all[..shared]));
                    break;
                case 5:
                    int index = _random.Next(_caches.Count);
                    _operation = "dispose";
                    _caches[index].Cache.Dispose();
                    _caches.RemoveAt(index);
                    break;
                case 6: // keep a full block
                    (KvCache holder, List<float> held) = _caches[_random.Next(_caches.Count)];
                    if (held.Count < BlockPositions)
                        break;
                    int block = _random.Next(held.Count / BlockPositions);
                    _operation = "retain";
                    _pool.Retain(holder.Block(block));
                    _retained.Add((holder.Block(block), [.. held.Skip(block * BlockPositions).Take(BlockPositions)]));
                    break;
                default:
                    if (_retained.Count == 0)
                        break;
                    int last = _random.Next(_retained.Count);
                    _operation = "release";
                    _pool.Release(_retained[last].Block);
                    _retained.RemoveAt(last);
                    break;
            }
        }

        public unsafe void Check()
        {
            int[] references = new int[Blocks];
            foreach ((KvCache cache, _) in _caches)
            {
                foreach (int block in cache.Blocks)
                    references[block]++;
            }
            foreach ((int block, _) in _retained)
                references[block]++;
            Assert.Equal(references, Enumerable.Range(0, Blocks).Select(_pool.References));
            Assert.Equal(references.Count(count => count == 0), _pool.FreeBlocks);

            var memory = (CpuKvPool)_pool;
            foreach ((KvCache cache, List<float> values) in _caches)
            {
                for (int i = 0; i < values.Count; i++)
                {
                    Assert.True(
                        *memory.Key(cache, 0, 0, i) == values[i] && *memory.Value(cache, 0, 0, i) == -values[i],
                        $"seed {seed}, after {_operation}: position {i} of {values.Count} is {*memory.Key(cache, 0, 0, i)}, not {values[i]}.");
                }
            }
        }

        /// <summary>Everybody lets go: all blocks are free.</summary>
        public void End()
        {
            _caches.ForEach(c => c.Cache.Dispose());
            _retained.ForEach(r => _pool.Release(r.Block));
            Assert.Equal(Blocks, _pool.FreeBlocks);
        }

        public void Dispose()
        {
            _pool.Dispose();
            _device.Dispose();
        }

        private void Write(KvCache cache, List<float> values, int from, int to)
        {
            _operation = $"write {from} to {to}";
            int[] table = [.. cache.Blocks];
            int missing = Math.Max(0, (to + BlockPositions - 1) / BlockPositions - table.Length);
            int copies = Enumerable.Range(0, table.Length).Count(i => (i + 1) * BlockPositions > from && i * BlockPositions < to && _pool.References(table[i]) > 1);
            int free = _pool.FreeBlocks;

            bool reserved = cache.TryReserve(from, to);

            Assert.Equal(missing + copies <= free, reserved);
            if (!reserved)
            {
                Assert.Equal(table, cache.Blocks.ToArray());
                return;
            }
            Assert.True(cache.IsWritable(from, to));
            Assert.Equal(free - missing - copies, _pool.FreeBlocks);
            values.RemoveRange(from, values.Count - from);
            using Tensor rows = _device.Allocate(DType.F32, to - from, 2);
            for (int i = from; i < to; i++)
            {
                values.Add(++_next);
                _device.WriteRow([_next, -_next], rows, i - from);
            }
            _device.StoreKv(new HeadView(rows, 0, 1, 1, 1), new HeadView(rows, 1, 1, 1, 1), 0, [new AttentionSpan { Cache = cache, RowCount = to - from, Past = from }]);
        }
    }
}
