using System.Text.RegularExpressions;
using MoeLora.Serving.Tenants;

namespace MoeLora.Serving.Tests.Tenants;

public sealed partial class ApiKeyTextTests
{
    [Fact]
    public void Create_LooksAsScannersExpect()
    {
        (string id, string text) = ApiKeyText.Create();
        Assert.Matches(Shape(), text);
        Assert.Equal(ApiKeyText.Length, text.Length);
        Assert.True(ApiKeyText.TryReadId(text, out ReadOnlySpan<char> read));
        Assert.Equal(id, read.ToString());
    }

    [Fact]
    public void Create_Often_NeverTheSameAndUsesEveryCharacter()
    {
        string[] keys = [.. Enumerable.Range(0, 1000).Select(_ => ApiKeyText.Create().Text)];
        Assert.Equal(1000, keys.Distinct().Count());
        Assert.Equal(62, keys.SelectMany(key => key[17..60]).Distinct().Count());
    }

    [Fact]
    public void IsWellFormed_AnyCharacterMistyped_IsNot()
    {
        string key = ApiKeyText.Create().Text;
        for (int i = 0; i < key.Length; i++)
        {
            foreach (char c in "aZ7_-")
            {
                if (c != key[i])
                    Assert.False(ApiKeyText.IsWellFormed(key[..i] + c + key[(i + 1)..]), $"{c} at {i}");
            }

            if (i > 0 && key[i] != key[i - 1])
                Assert.False(ApiKeyText.IsWellFormed(key[..(i - 1)] + key[i] + key[i - 1] + key[(i + 1)..]), $"swapped at {i}");
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("mlg_")]
    [InlineData("sk-0123456789")]
    public void IsWellFormed_SomethingElse_IsNot(string text) => Assert.False(ApiKeyText.IsWellFormed(text));

    [Fact]
    public void IsWellFormed_LongerOrShorter_IsNot()
    {
        string key = ApiKeyText.Create().Text;
        Assert.False(ApiKeyText.IsWellFormed(key + "0"));
        Assert.False(ApiKeyText.IsWellFormed(key[..^1]));
        Assert.False(ApiKeyText.IsWellFormed(" " + key));
        Assert.False(ApiKeyText.IsWellFormed(new string('é', ApiKeyText.Length)));
    }

    [Fact]
    public void Format_NeverChanges()
    {
        // Keys in use must stay well formed; this checksum was computed by another program.
        Assert.True(ApiKeyText.IsWellFormed("mlg_abcdef012345_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg1ySSe6"));
    }

    [GeneratedRegex("^mlg_[a-z0-9]{12}_[0-9A-Za-z]{49}$")]
    private static partial Regex Shape();
}
