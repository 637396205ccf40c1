using System.Text;
using MoeLora.Models.Checkpoints;
using MoeLora.Tensors;

namespace MoeLora.Models.Tests.Checkpoints;

public sealed class SafetensorsHeaderTests
{
    private const string A = """{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""";

    [Fact]
    public void Read_TensorsAndMetadata_AsWritten()
    {
        SafetensorsLayout layout = SafetensorsBytes.Read(SafetensorsBytes.File(
            $$$"""{"a":{{{A}}},"__metadata__":{"format":"pt"},"b":{"data_offsets":[8,14],"shape":[1,3],"dtype":"BF16"}}   """, 14));

        Assert.Equal(["a", "b"], layout.Slots.Keys.Order());
        Assert.Equal("pt", layout.Metadata["format"]);
        SafetensorsSlot b = layout.Slots["b"];
        Assert.Equal((DType.BF16, "BF16", "[1, 3]", 8L, 14L), (b.Tensor.DType, b.Tensor.PublishedDType, b.Tensor.ShapeText, b.Begin, b.End));
    }

    [Theory]
    [InlineData("{}", 0)]
    [InlineData("""{"scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}""", 4)]
    [InlineData("""{"empty":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]}}""", 0)]
    [InlineData("""{"empty":{"dtype":"F32","shape":[2147483647,2147483647,2147483647,0],"data_offsets":[0,0]}}""", 0)]
    [InlineData("""{"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}""", 8)]
    [InlineData("""{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}""", 1)]
    public void Read_UnusualButTrue_Accepts(string header, int dataBytes) =>
        SafetensorsBytes.Read(SafetensorsBytes.File(header, dataBytes));

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}""", 8, "'a' claims bytes [0, 9) of 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", 8, "'a' claims bytes [8, 16) of 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", 8, "'a' claims bytes [8, 0)")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[9223372036854775800,9223372036854775807]}}""", 8, "'a' claims bytes [9223372036854775800,")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}}""", 8, "not two whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""", 8, "not two whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8.0]}}""", 8, "not two whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", 8, "not two whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", 8, "not two whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":"0,8"}}""", 8, "not two whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "'a' has 8 bytes of data, which does not fit F32 [3]")]
    [InlineData("""{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}""", 1, "'a' has 1 bytes of data, which does not fit F4 [3]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,8]}}""", 8, "does not fit")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2147483648,2147483648,2147483648],"data_offsets":[0,0]}}""", 0, "dimension of 2147483648")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "shape that is not a list")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2e0],"data_offsets":[0,8]}}""", 8, "shape that is not a list")]
    [InlineData("""{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}""", 8, "shape that is not a list")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}""", 8, "at most 8")]
    [InlineData("""{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}""", 8, "'a' has the unknown dtype 'F33'")]
    [InlineData("""{"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}""", 8, "dtype that is not a string")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "'a' lacks")]
    [InlineData("""{"a":{"dtype":"F32","data_offsets":[0,8]}}""", 8, "'a' lacks")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", 8, "'a' lacks")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"strides":[1]}}""", 8, "'a' has a key 'strides'")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "two dtypes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}""", 8, "two shapes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"data_offsets":[0,8]}}""", 8, "two data_offsets")]
    [InlineData("""{"a":[0,8]}""", 8, "'a' is not an object")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "'b' claims bytes [4, 12), which overlap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "overlap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "bytes [0, 4) of the data belong to no tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 9, "bytes [8, 9) of the data belong to no tensor")]
    [InlineData("{}", 1, "bytes [0, 1) of the data belong to no tensor")]
    [InlineData("""{"__metadata__":{"a":1}}""", 0, "'a' is not a string")]
    [InlineData("""{"__metadata__":[]}""", 0, "not an object of strings")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, "'__metadata__' appears twice")]
    [InlineData("""{"__metadata__":{"a":"1","a":"2"}}""", 0, "'a' appears twice")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "not valid Unicode")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", 8, "not valid JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} {}""", 8, "not valid JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},}""", 8, "not valid JSON")]
    [InlineData("""{"a":[[[[[[[[[[[[]]]]]]]]]]]]}""", 0, "not valid JSON")]
    [InlineData("[]", 0, "does not begin with '{'")]
    [InlineData(" {}", 0, "does not begin with '{'")]
    [InlineData("", 0, "does not begin with '{'")]
    public void Read_Lie_IsRefusedByName(string header, int dataBytes, string expected)
    {
        string message = SafetensorsBytes.ErrorOf(SafetensorsBytes.File(header, dataBytes));

        Assert.Contains(expected, message);
        Assert.StartsWith("test.safetensors: ", message);
    }

    [Fact]
    public void Read_DuplicateName_IsRefused()
    {
        string header = """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\u0061":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""";

        Assert.Contains("'a' appears twice", SafetensorsBytes.ErrorOf(SafetensorsBytes.File(header, 16)));
    }

    [Fact]
    public void Read_NameThatIsNotUtf8_IsRefused()
    {
        byte[] header = Encoding.Latin1.GetBytes($$"""{"é":{{A}}}""");

        Assert.Contains("not valid Unicode", SafetensorsBytes.ErrorOf(SafetensorsBytes.File(header, new byte[8])));
    }

    [Fact]
    public void Read_SeveralLies_ReportsAll()
    {
        string header = """{"a":{"dtype":"X","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,8]},"c":7}""";

        string message = SafetensorsBytes.ErrorOf(SafetensorsBytes.File(header, 8));

        Assert.Contains("3 problems", message);
        Assert.All(["'a'", "'b'", "'c'"], name => Assert.Contains(name, message));
    }

    [Fact]
    public void Read_ThousandsOfLies_KeepsTheMessageShort()
    {
        string header = "{" + string.Join(",", Enumerable.Range(0, 5000).Select(i => $"\"{new string('n', 500)}{i}\":1")) + "}";

        string message = SafetensorsBytes.ErrorOf(SafetensorsBytes.File(header, 0));

        Assert.Contains("1000 or more problems", message);
        Assert.InRange(message.Length, 1, 20_000);
    }

    [Theory]
    [InlineData(new byte[0], "cut short")]
    [InlineData(new byte[] { 2, 0, 0, 0, 0, 0, 0 }, "cut short")]
    [InlineData(new byte[] { 3, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}' }, "claims 3 bytes but only 2 follow")]
    [InlineData(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, (byte)'{', (byte)'}' }, "claims 18446744073709551615 bytes, over")]
    [InlineData(new byte[] { 1, 225, 245, 5, 0, 0, 0, 0, (byte)'{', (byte)'}' }, "claims 100000001 bytes, over")]
    [InlineData(new byte[] { 0, 225, 245, 5, 0, 0, 0, 0, (byte)'{', (byte)'}' }, "claims 100000000 bytes but only 2 follow")]
    public void Read_LyingHeaderLength_IsRefused(byte[] file, string expected) => Assert.Contains(expected, SafetensorsBytes.ErrorOf(file));

    [Fact]
    public void Read_EveryTruncationOfAFile_IsRefused()
    {
        byte[] file = SafetensorsBytes.File($$"""{"a":{{A}}}""", 8);

        for (int length = 0; length < file.Length; length++)
            SafetensorsBytes.ErrorOf(file[..length]);
        SafetensorsBytes.Read(file);
    }
}
