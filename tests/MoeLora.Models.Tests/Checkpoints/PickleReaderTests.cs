using System.Text;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Tests.Checkpoints;

public sealed class PickleReaderTests
{
    /// <summary>Written by Python's pickle with protocols 2 and 4: an OrderedDict with _metadata, two tensors in one storage, and a transposed parameter.</summary>
    [Theory]
    [InlineData("gAJjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcQApUnEBKFgMAAAAbGF5ZXIud2VpZ2h0cQJjdG9yY2guX3V0aWxzCl9yZWJ1aWxkX3RlbnNvcl92MgpxAygoWAcAAABzdG9yYWdlcQRjdG9yY2gKRmxvYXRTdG9yYWdlCnEFWAEAAAAwcQZYBgAAAGN1ZGE6MHEHSwZ0cQhRSwBLAksDhnEJSwNLAYZxColoAClScQt0cQxScQ1YCgAAAGxheWVyLmJpYXNxDmgDKChoBGgFaAZoB0sGdHEPUUsCSwSFcRBLAYVxEYloAClScRJ0cRNScRRYDQAAAOS7u+WKoS53ZWlnaHRxFWN0b3JjaC5fdXRpbHMKX3JlYnVpbGRfcGFyYW1ldGVyCnEWaAMoKGgEY3RvcmNoCkhhbGZTdG9yYWdlCnEXWAEAAAAxcRhoB0pwEQEAdHEZUU0sAUsCSwKGcRpLAUsChnEbiWgAKVJxHHRxHVJxHohoAClScR+HcSBScSF1fXEiWAkAAABfbWV0YWRhdGFxI2gAKVJxJChYAAAAAHElfXEmWAcAAAB2ZXJzaW9ucSdLAXNYBQAAAGxheWVycSh9cSloJ0sBc3VzYi4=")]
    [InlineData("gASVhAEAAAAAAACMC2NvbGxlY3Rpb25zlIwLT3JkZXJlZERpY3SUk5QpUpQojAxsYXllci53ZWlnaHSUjAx0b3JjaC5fdXRpbHOUjBJfcmVidWlsZF90ZW5zb3JfdjKUk5QoKIwHc3RvcmFnZZSMBXRvcmNolIwMRmxvYXRTdG9yYWdllJOUjAEwlIwGY3VkYTowlEsGdJRRSwBLAksDhpRLA0sBhpSJaAIpUpR0lFKUjApsYXllci5iaWFzlGgHKChoCGgLaAxoDUsGdJRRSwJLBIWUSwGFlIloAilSlHSUUpSMDeS7u+WKoS53ZWlnaHSUaAWMEl9yZWJ1aWxkX3BhcmFtZXRlcpSTlGgHKChoCGgJjAtIYWxmU3RvcmFnZZSTlIwBMZRoDUpwEQEAdJRRTSwBSwJLAoaUSwFLAoaUiWgCKVKUdJRSlIhoAilSlIeUUpR1fZSMCV9tZXRhZGF0YZRoAilSlCiMAJR9lIwHdmVyc2lvbpRLAXOMBWxheWVylH2UaC9LAXN1c2Iu")]
    public void Read_PickleThatPythonWrote_GivesItsTensors(string base64)
    {
        var tensors = Assert.IsType<PickleDict>(PickleReader.Read(Convert.FromBase64String(base64), "test"));

        Assert.Equal(["layer.weight", "layer.bias", "任务.weight"], tensors.Items.Select(item => item.Key));
        TorchTensor[] values = [.. tensors.Items.Select(item => Assert.IsType<TorchTensor>(item.Value))];
        Assert.Equal(("torch.FloatStorage", "0", 6L), (values[0].Storage.Kind.FullName, values[0].Storage.Key, values[0].Storage.Elements));
        Assert.Equal(("torch.HalfStorage", "1", 70_000L), (values[2].Storage.Kind.FullName, values[2].Storage.Key, values[2].Storage.Elements));
        Assert.Equal([(0L, "2,3", true), (2L, "4", true), (300L, "2,2", false)], values.Select(value => (value.Offset, string.Join(",", value.Shape), value.Contiguous)));
    }

    [Theory]
    [InlineData("os", "system", "os.system")]
    [InlineData("posix", "system", "posix.system")]
    [InlineData("builtins", "eval", "builtins.eval")]
    [InlineData("__builtin__", "exec", "__builtin__.exec")]
    [InlineData("subprocess", "Popen", "subprocess.Popen")]
    [InlineData("torch", "load", "torch.load")]
    [InlineData("torch.serialization", "load", "torch.serialization.load")]
    [InlineData("torch._utils", "_rebuild_tensor_v3", "torch._utils._rebuild_tensor_v3")]
    [InlineData("collections", "OrderedDict.fromkeys", "collections.OrderedDict.fromkeys")]
    [InlineData("", "", ".")]
    public void Read_PickleThatNamesAnythingElse_IsRefusedByNameAndPlace(string module, string name, string expected)
    {
        byte[] global = new PickleBytes().Proto().Global(module, name).Op('(').Text("echo owned").Op('t').Op('R').End();
        byte[] stackGlobal = new PickleBytes().Proto().Text(module).Text(name).Raw(0x93).Op(')').Op('R').End();

        Assert.Contains($"at byte 2 (GLOBAL): {expected} is not allowed in a checkpoint: a checkpoint may only hold tensors", ErrorOf(global));
        Assert.Contains($"(STACK_GLOBAL): {expected} is not allowed", ErrorOf(stackGlobal));
    }

    [Theory]
    [InlineData('i', "INST")]
    [InlineData('o', "OBJ")]
    [InlineData('P', "PERSID")]
    [InlineData('S', "STRING")]
    [InlineData('d', "DICT")]
    [InlineData('l', "LIST")]
    [InlineData('p', "PUT")]
    [InlineData('g', "GET")]
    [InlineData('\x81', "NEWOBJ")]
    [InlineData('\x92', "NEWOBJ_EX")]
    [InlineData('\x82', "EXT1")]
    [InlineData('\x97', "NEXT_BUFFER")]
    [InlineData('\xff', "0xff")]
    public void Read_OtherOpcode_IsRefusedByNameAndPlace(char opcode, string name)
    {
        byte[] pickle = new PickleBytes().Proto().Op(')').Raw((byte)opcode).End();

        Assert.Contains($"at byte 3 ({name}): the opcode {name} is not allowed in a checkpoint", ErrorOf(pickle));
    }

    [Fact]
    public void Read_EveryByteThatIsNoKnownOpcode_IsRefused()
    {
        for (int opcode = 0; opcode < 256; opcode++)
        {
            if (!Enum.IsDefined((PickleOpcode)opcode))
                Assert.Contains("is not allowed", ErrorOf(new PickleBytes().Op(')').Op(')').Raw((byte)opcode).End()));
        }
    }

    [Theory]
    [InlineData("", "1 bytes are needed but 0 are left")]
    [InlineData("800299", "the opcode 0x99 is not allowed")]
    [InlineData("80062e", "newer than 5")]
    [InlineData("2e", "0 values and 0 marks are left")]
    [InlineData("4e4e2e", "2 values and 0 marks are left")]
    [InlineData("4e282e", "1 values and 1 marks are left")]
    [InlineData("4e2e4e", "1 bytes follow the end")]
    [InlineData("4e", "are needed but 0 are left")]
    [InlineData("58ffffffff2e", "text of 4294967295 bytes is over the limit")]
    [InlineData("58ff0000002e", "255 bytes are needed but 1 are left")]
    [InlineData("5802000000c3282e", "not valid UTF-8")]
    [InlineData("8aff2e", "number of 255 bytes is too large")]
    [InlineData("8a082e", "8 bytes are needed but 1 are left")]
    [InlineData("95ffffff2e", "8 bytes are needed")]
    [InlineData("74", "there is no mark")]
    [InlineData("75", "there is no mark")]
    [InlineData("852e", "1 values are needed but 0 are there")]
    [InlineData("4e4e872e", "3 values are needed but 2 are there")]
    [InlineData("4e28852e", "1 values are needed but 0 are there")]
    [InlineData("7d284e752e", "a key without a value")]
    [InlineData("4e284e4e752e", "a dictionary is needed")]
    [InlineData("4e4e4e732e", "a dictionary is needed")]
    [InlineData("4e71012e", "memo 1 is set before memo 0")]
    [InlineData("4e72ffffffff2e", "memo 4294967295 is set before memo 0")]
    [InlineData("71002e", "1 values are needed")]
    [InlineData("68002e", "memo 0 is not set")]
    [InlineData("6affffffff2e", "memo 4294967295 is not set")]
    [InlineData("6361626300", "must end with a line feed")]
    [InlineData("4e4e932e", "a name is needed")]
    [InlineData("4e522e", "a tuple of arguments is needed")]
    [InlineData("4e29522e", "a function is needed")]
    [InlineData("7d7d622e", "only an OrderedDict may have attributes")]
    [InlineData("7d4e622e", "a dictionary of attributes is needed")]
    [InlineData("4e512e", "a persistent id must be")]
    [InlineData("29512e", "a persistent id must be")]
    public void Read_DamagedPickle_SaysWhatIsWrong(string hex, string expected) =>
        Assert.Contains(expected, ErrorOf(Convert.FromHexString(hex)));

    [Fact]
    public void Read_CallOfAStorageKind_IsRefused() =>
        Assert.Contains("a function is needed", ErrorOf(new PickleBytes().Global("torch", "FloatStorage").Op(')').Op('R').End()));

    [Fact]
    public void Read_OrderedDictWithArguments_IsRefused() =>
        Assert.Contains("takes no arguments", ErrorOf(new PickleBytes().Global("collections", "OrderedDict").Op('N').Raw(0x85).Op('R').End()));

    [Theory]
    [InlineData('N')]
    [InlineData('(')]
    public void Read_EndlessStack_IsBounded(char opcode) =>
        Assert.Contains("more than 16384", ErrorOf([.. Enumerable.Repeat((byte)opcode, 100_000)]));

    [Fact]
    public void Read_DeepNesting_DoesNotRecurse()
    {
        // Pairs of NONE and TUPLE2 nest as deeply as the limit on objects allows.
        byte[] pickle = [(byte)')', .. Enumerable.Range(0, 200_000).SelectMany(_ => new byte[] { (byte)'N', (byte)'N', 0x87 }), (byte)'.'];

        Assert.IsType<object?[]>(PickleReader.Read(pickle, "test"));
    }

    [Theory]
    [InlineData("}}s")]
    [InlineData("N)\u0085\u0085\u0085\u0085\u0085\u0085\u0085\u0085s")]
    [InlineData("N(}}}}}}}}}}}}}}}}}}ts")]
    [InlineData("N(NNNNNNNNNNNNNNNNNNNNNNNNts")]
    [InlineData("(NNNNNNNNNNNNNNNNNNNNNNNNNNNNu")]
    [InlineData("\u008c\u0001a\u008c\u0001as")]
    [InlineData("MaaMaas")]
    [InlineData("\u0094")]
    [InlineData("NNs\u0094\u0094")]
    public void Read_ThatOnlyMakesObjects_TakesMemoryInProportion(string pattern)
    {
        byte[] once = Encoding.Latin1.GetBytes(pattern);
        byte[] pickle = [(byte)'}', .. Enumerable.Repeat(once, 1_000_000 / once.Length).SelectMany(bytes => bytes)];

        long before = GC.GetAllocatedBytesForCurrentThread();
        ErrorOf(pickle);
        long used = GC.GetAllocatedBytesForCurrentThread() - before;

        // The dearest patterns fill a dictionary: 16 bytes a pair of two input bytes, allocated up to three times as its list doubles,
        // and an object of 32 bytes for every third byte at most.
        Assert.InRange(used, 0, (1 << 20) + 32L * pickle.Length);
    }

    [Fact]
    public void Read_DictionaryInsideItself_Ends()
    {
        byte[] pickle = new PickleBytes().Op('}').Raw((byte)'q', 0).Text("self").Raw((byte)'h', 0).Op('s').End();

        var dict = Assert.IsType<PickleDict>(PickleReader.Read(pickle, "test"));

        Assert.Same(dict, Assert.Single(dict.Items).Value);
    }

    [Theory]
    [InlineData("8a002e", 0)]
    [InlineData("8a01ff2e", -1)]
    [InlineData("8a02ff002e", 255)]
    [InlineData("8a08ffffffffffffff7f2e", long.MaxValue)]
    [InlineData("8a0800000000000000802e", long.MinValue)]
    [InlineData("4afeffffff2e", -2)]
    [InlineData("4bff2e", 255)]
    [InlineData("4dffff2e", 65535)]
    public void Read_Number_HasItsValue(string hex, long expected) =>
        Assert.Equal(expected, Assert.IsType<long>(PickleReader.Read(Convert.FromHexString(hex), "test")));

    [Fact]
    public void Read_NameWithControlCharacters_IsPrintedSafely()
    {
        string message = ErrorOf(new PickleBytes().Raw(Encoding.ASCII.GetBytes("cos\u001b[31m\nsystem\n")).End());

        Assert.Contains("os?[31m.system", message);
        Assert.DoesNotContain('\u001b', message);
    }

    private static string ErrorOf(byte[] pickle)
    {
        string message = Assert.Throws<CheckpointException>(() => PickleReader.Read(pickle, "test.bin: data.pkl")).Message;
        Assert.StartsWith("test.bin: data.pkl: ", message);
        return message;
    }
}
