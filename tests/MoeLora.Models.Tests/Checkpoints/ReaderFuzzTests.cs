using System.Buffers.Binary;
using System.Text;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Models.Tests.Configs;

namespace MoeLora.Models.Tests.Checkpoints;

/// <summary>
/// Throws mutated inputs at every reader: nothing but <see cref="CheckpointException"/> may come out, memory stays in proportion to the input,
/// and what is accepted lies inside the file. About 110,000 cases; 2,200,000 when MOELORA_LONG is 1.
/// </summary>
public sealed class ReaderFuzzTests
{
    private static readonly int Factor = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 20 : 1;

    [Fact]
    public Task Safetensors_MutatedFiles_AreReadOrRefused()
    {
        byte[][] corpus =
        [
            SafetensorsBytes.File("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8),
            SafetensorsBytes.File("""{"__metadata__":{"format":"pt","k":"v"},"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"i":{"dtype":"I64","shape":[],"data_offsets":[12,20]}}  """, 20),
            SafetensorsBytes.File("{" + string.Join(",", Enumerable.Range(0, 12).Select(i => $"\"layers.{i}.weight\":{{\"dtype\":\"F16\",\"shape\":[1,4],\"data_offsets\":[{i * 8},{i * 8 + 8}]}}")) + "}", 96),
            SafetensorsBytes.File("""{"e":{"dtype":"U8","shape":[0,7],"data_offsets":[0,0]},"\u4efb\u52a1":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}""", 2),
            SafetensorsBytes.File("{}", 0),
        ];

        return Fuzz(50_000 * Factor, corpus, (mutator, file) =>
        {
            // Mostly the length is made true again, so that the JSON is reached.
            if (file.Length >= 10 && mutator.Chance(0.8))
                BinaryPrimitives.WriteInt64LittleEndian(file, Math.Max(0, file.AsSpan().LastIndexOf((byte)'}') - 7));
        }, CheckSafetensors);
    }

    [Fact]
    public Task Pickle_MutatedPickles_AreReadOrRefused() =>
        Fuzz(50_000 * Factor, Pickles(), null, region => PickleReader.Read(region.Span(0, (int)region.Length), "fuzz"));

    [Fact]
    public Task TorchArchive_MutatedFiles_AreReadOrRefused()
    {
        byte[][] corpus =
        [
            TorchBytes.File(TorchBytes.Tensors(new TestTensor("t", [6]), new TestTensor("u", [2]) { Elements = 6, Offset = 4 }), ("0", new byte[24])),
            TorchBytes.File(TorchBytes.Tensors(new TestTensor("h", [2, 3]) { Storage = "HalfStorage", Stride = [1, 2], Key = "k" }), ("k", new byte[12]), ("x", [])),
        ];
        return Fuzz(6_000 * Factor, corpus, null, CheckTorch);
    }

    [Fact]
    public Task Config_MutatedConfigs_AreReadOrRefused()
    {
        byte[][] corpus = [.. new[] { ConfigJson.Llama, ConfigJson.Llama31, ConfigJson.Mistral, ConfigJson.Qwen2, ConfigJson.ChatGlm }.Select(Encoding.UTF8.GetBytes)];
        return Fuzz(4_000 * Factor, corpus, null, region =>
            ModelConfigReader.Read(JsonMembers.Parse(region.Span(0, (int)region.Length).ToArray(), "fuzz"), "fuzz"));
    }

    private static byte[][] Pickles() =>
    [
        Convert.FromBase64String("gAJ9cQBYAQAAAGFxAWN0b3JjaC5fdXRpbHMKX3JlYnVpbGRfdGVuc29yX3YyCnECKChYBwAAAHN0b3JhZ2VxA2N0b3JjaApGbG9hdFN0b3JhZ2UKcQRYAQAAADBxBVgGAAAAY3VkYTowcQZLBnRxB1FLAEsCSwOGcQhLA0sBhnEJiWNjb2xsZWN0aW9ucwpPcmRlcmVkRGljdApxCilScQt0cQxScQ1zLg=="),
        Convert.FromBase64String("gASVhAEAAAAAAACMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpQojAxsYXllci53ZWlnaHSUjAx0b3JjaC5fdXRpbHOUjBJfcmVidWlsZF90ZW5zb3JfdjKUk5QoKIwHc3RvcmFnZZSMBXRvcmNolIwMRmxvYXRTdG9yYWdllJOUjAEwlIwGY3VkYTowlEsGdJRRSwBLAksDhpRLA0sBhpSJaAIpUpR0lFKUjApsYXllci5iaWFzlGgHKChoCGgLaAxoDUsGdJRRSwJLBIWUSwGFlIloAilSlHSUUpSMDeS7u+WKoS53ZWlnaHSUaAWMEl9yZWJ1aWxkX3BhcmFtZXRlcpSTlGgHKChoCGgJjAtIYWxmU3RvcmFnZZSTlIwBMZRoDUpwEQEAdJRRTSwBSwJLAoaUSwFLAoaUiWgCKVKUdJRSlIhoAilSlIeUUpR1fZSMCV9tZXRhZGF0YZRoAilSlCiMAJR9lIwHdmVyc2lvbpRLAXOMBWxheWVylH2UaC9LAXN1c2Iu"),
        TorchBytes.Tensors(new TestTensor("a", [6]), new TestTensor("b", [2, 3]) { Storage = "BFloat16Storage" }),
        new PickleBytes().Proto().OrderedDict().Raw((byte)'q', 0).Op('(').Text("k").Op('N').Op('u').Op('}').Op('b').End(),
        new PickleBytes().Proto().Global("os", "system").Op('(').Text("true").Op('t').Op('R').End(),
    ];

    private static void CheckSafetensors(ByteRegion region)
    {
        SafetensorsLayout layout = SafetensorsHeader.Read(region, "fuzz");
        foreach (SafetensorsSlot slot in layout.Slots.Values)
        {
            Assert.True(region.Holds(layout.DataStart + slot.Begin, slot.End - slot.Begin));
            if (slot.Tensor.DType is { } dtype)
                Assert.Equal(MoeLora.Tensors.DTypes.ByteCount(dtype, Elements(slot.Tensor)), slot.End - slot.Begin);
        }
    }

    private static void CheckTorch(ByteRegion region)
    {
        foreach (TorchSlot slot in TorchArchive.Read(region, "fuzz").Values)
        {
            Assert.True(region.Holds(slot.Begin, slot.End - slot.Begin));
            if (slot is { Contiguous: true, Tensor.DType: { } dtype })
                Assert.Equal(MoeLora.Tensors.DTypes.ByteCount(dtype, Elements(slot.Tensor)), slot.End - slot.Begin);
        }
    }

    private static long Elements(CheckpointTensor tensor) => tensor.Shape.Aggregate(1L, (product, size) => checked(product * size));

    /// <summary>Runs off the test's thread, so that a reader that hangs fails the test instead of stopping the run.</summary>
    private static async Task Fuzz(int cases, byte[][] corpus, Action<Mutator, byte[]>? repair, Action<ByteRegion> read)
    {
        const int Seed = 20_260_101;
        byte[] current = [];
        var run = Task.Run(() =>
        {
            var mutator = new Mutator(Seed, corpus);
            int accepted = 0;
            for (int i = 0; i < cases; i++)
            {
                current = mutator.Next();
                repair?.Invoke(mutator, current);
                if (IsAccepted(current, i, read))
                    accepted++;
            }

            return accepted;
        });

        Task first = await Task.WhenAny(run, Task.Delay(TimeSpan.FromMinutes(4) * Factor));
        Assert.True(first == run, $"A reader did not end on {Convert.ToBase64String(current)}.");
        int accepted = await run;

        // A mutator that broke everything, or nothing, would test little.
        Assert.InRange(accepted, cases / 200, cases / 2);
    }

    private static unsafe bool IsAccepted(byte[] input, int index, Action<ByteRegion> read)
    {
        // What a reader may use beside its input: a message, a dictionary's first sizes, buffers of the JSON reader.
        long allowed = (1 << 20) + 16L * input.Length;
        long before = GC.GetAllocatedBytesForCurrentThread();
        bool accepted = true;
        try
        {
            fixed (byte* start = input)
                read(new ByteRegion(start, input.Length));
        }
        catch (CheckpointException)
        {
            accepted = false;
        }
        catch (Exception e)
        {
            Assert.Fail($"Case {index}: {e.GetType().Name}: {e.Message}\n{Convert.ToBase64String(input)}\n{e.StackTrace}");
        }

        long used = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(used <= allowed, $"Case {index} allocated {used} bytes for {input.Length}: {Convert.ToBase64String(input)}");
        return accepted;
    }
}
