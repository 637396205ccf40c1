using MoeLora.Adapters.Bundles;

namespace MoeLora.Adapters.Tests.Bundles;

public sealed class BundleIdTests
{
    private const string Hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    [Fact]
    public void BundleHash_Text_ParsesAndPrints()
    {
        Assert.Equal("sha256:" + Hex, BundleHash.Parse("sha256:" + Hex).ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData(Hex)]
    [InlineData("sha256:0123")]
    [InlineData("SHA256:" + Hex)]
    [InlineData("sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("sha256:" + Hex + "0")]
    public void BundleHash_OtherText_IsRefused(string text)
    {
        Assert.False(BundleHash.TryParse(text, out _));
        Assert.Throws<FormatException>(() => BundleHash.Parse(text));
    }

    [Theory]
    [InlineData("1.2.0", true)]
    [InlineData("v1_rc-2", true)]
    [InlineData("", false)]
    [InlineData(".hidden", false)]
    [InlineData("-x", false)]
    [InlineData("a/b", false)]
    [InlineData("..", false)]
    [InlineData("a b", false)]
    [InlineData("版本", false)]
    public void AdapterVersionAndName_Rule_IsTheSame(string text, bool valid)
    {
        Assert.Equal(valid, AdapterVersion.TryParse(text, out AdapterVersion version));
        Assert.Equal(valid, AdapterName.TryParse(text, out AdapterName name));
        Assert.Equal(valid ? text : "", version.ToString());
        Assert.Equal(valid ? text : "", name.ToString());
    }

    [Fact]
    public void AdapterVersion_TooLong_IsRefused()
    {
        Assert.True(AdapterVersion.TryParse(new string('1', 64), out _));
        Assert.Throws<FormatException>(() => new AdapterVersion(new string('1', 65)));
    }
}
