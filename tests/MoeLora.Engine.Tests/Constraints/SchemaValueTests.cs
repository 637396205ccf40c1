using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using MoeLora.Engine.Constraints;
using static MoeLora.Engine.Tests.Constraints.ConstrainedAnswers;

namespace MoeLora.Engine.Tests.Constraints;

/// <summary>Exactly which texts a schema lets through, for each kind of value.</summary>
public sealed class SchemaValueTests
{
    private static readonly ConstraintCompiler Compiler = new(ListTokenizer.Json, ListTokenizer.Json.VocabularySize);

    [Fact]
    public void Integer_WithinBounds_IsExact()
    {
        var random = new Random(2);
        for (int round = 0; round < 60; round++)
        {
            int least = random.Next(-1300, 1300);
            int largest = least + random.Next(0, round % 2 == 0 ? 20 : 1500);
            ITokenConstraint constraint = Schema($$"""{"type":"integer","minimum":{{least}},"maximum":{{largest}}}""");

            for (int value = -1500; value < 3000; value += value is > -1310 and < 1320 ? 1 : 7)
                Assert.Equal(value >= least && value <= largest, Accepts(constraint, value.ToString(CultureInfo.InvariantCulture)));
            Assert.All(new[] { "-0", "", "-", "01", "-01", "+1", "1.0", "1e2", " 1", "1 " }, text => Assert.False(Accepts(constraint, text)));
        }
    }

    [Theory]
    [InlineData("""{"type":"integer"}""", "999999999999999999", "1000000000000000000")]
    [InlineData("""{"type":"integer"}""", "-999999999999999999", "-1000000000000000000")]
    [InlineData("""{"type":"integer","minimum":95}""", "100000", "94")]
    [InlineData("""{"type":"integer","maximum":-7e0}""", "-7", "-6")]
    [InlineData("""{"type":"integer","minimum":0}""", "0", "-1")]
    [InlineData("""{"type":"number"}""", "-999999999999998.999999999999999", "1e5")]
    [InlineData("""{"type":"number"}""", "-0.0", "1000000000000000")]
    [InlineData("""{"type":"number"}""", "0.5", ".5")]
    [InlineData("""{"type":"number"}""", "10", "1.")]
    [InlineData("""{"type":"number","minimum":0,"maximum":1}""", "1.000", "1.001")]
    [InlineData("""{"type":"number","minimum":0,"maximum":1}""", "0.25", "-0.25")]
    [InlineData("""{"type":"number","minimum":-2,"maximum":-1}""", "-1.5", "-0.5")]
    [InlineData("""{"type":"number","minimum":-2,"maximum":-1}""", "-2.0", "-2.1")]
    [InlineData("""{"type":"number","minimum":3,"maximum":3}""", "3.0", "2")]
    [InlineData("""{"type":"boolean"}""", "true", "True")]
    [InlineData("""{"type":"null"}""", "null", "nul")]
    [InlineData("""{"const":{"a":[1.50,"é\u00e9\n\"",null]}}""", """{"a":[1.50,"éé\n\"",null]}""", """{"a": [1.50,"éé\n\"",null]}""")]
    [InlineData("""{"enum":["a","ab",1,12,true,[]]}""", "12", "\"b\"")]
    [InlineData("""{"type":"string","enum":["a","ab"]}""", "\"ab\"", "\"a")]
    [InlineData("""{"type":"string"}""", "\"a\\u000a\\/\\\\\\\"😀\u007f\"", "\"\n\"")]
    [InlineData("""{"type":"string"}""", "\"\"", "\"\\u0041\"")]
    [InlineData("""{"type":"string"}""", "\"\\t\"", "\"\\x\"")]
    [InlineData("""{"type":"string","minLength":2,"maxLength":3}""", "\"😀é\"", "\"😀\"")]
    [InlineData("""{"type":"string","minLength":2,"maxLength":3}""", "\"\\n\\u0001a\"", "\"abcd\"")]
    [InlineData("""{"type":"array","items":{"type":"null"}}""", "[]", "[null,]")]
    [InlineData("""{"type":"array","items":{"type":"null"}}""", "[null, null,null]", "[null,  null]")]
    [InlineData("""{"type":"array","items":{"type":"null"},"minItems":2,"maxItems":3}""", "[null,null]", "[null]")]
    [InlineData("""{"type":"array","items":{"type":"null"},"minItems":2,"maxItems":3}""", "[null,null,null]", "[null,null,null,null]")]
    [InlineData("""{"type":"array","maxItems":0}""", "[]", "[null]")]
    [InlineData("""{"type":"array","items":{"type":"integer"},"maxItems":1}""", "[12]", "[1,2]")]
    [InlineData("""{"type":"object","additionalProperties":false}""", "{}", "{\"a\":1}")]
    [InlineData("""{"type":["string","null"],"maxLength":1}""", "null", "\"ab\"")]
    [InlineData("""{"type":["integer","number"]}""", "1.5", "true")]
    [InlineData("""{"anyOf":[{"const":"a"},{"type":"string","minLength":3}]}""", "\"a\"", "\"ab\"")]
    [InlineData("""{"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"null"}}}""", "null", "1")]
    [InlineData("""{"$ref":"#/definitions/%C3%A9","definitions":{"é":{"type":"null"}}}""", "null", "1")]
    public void Schema_OfAKind_TakesTheOneAndNotTheOther(string schema, string valid, string invalid)
    {
        ITokenConstraint constraint = Schema(schema);

        Assert.True(Accepts(constraint, valid));
        Assert.False(Accepts(constraint, invalid));
    }

    [Fact]
    public void Object_OfOptionalProperties_TakesEverySubsetInOrder()
    {
        string[] names = ["a", "ab", "b", "名"];
        for (int required = 0; required < 16; required++)
        {
            string properties = string.Join(",", names.Select(name => $"\"{name}\":{{\"type\":\"null\"}}"));
            string needed = string.Join(",", names.Where((_, i) => (required >> i & 1) != 0).Select(name => $"\"{name}\""));
            ITokenConstraint constraint = Schema($"{{\"type\":\"object\",\"properties\":{{{properties}}},\"required\":[{needed}],\"additionalProperties\":false}}");
            for (int given = 0; given < 16; given++)
            {
                string text = $"{{{string.Join(",", names.Where((_, i) => (given >> i & 1) != 0).Select(name => $"\"{name}\": null"))}}}";
                Assert.Equal((given & required) == required, Accepts(constraint, text));
            }

            Assert.False(Accepts(constraint, """{"ab":null,"a":null,"b":null,"名":null}"""));
            Assert.False(Accepts(constraint, """{"a":null,"a":null,"ab":null,"b":null,"名":null}"""));
        }
    }

    [Fact]
    public void Text_OfEachCharacter_IsTakenAsItIsOrMustBeEscaped()
    {
        ITokenConstraint constraint = Schema("""{"type":"string","minLength":1,"maxLength":1}""");
        for (int value = 0; value <= 0x10FFFF; value += value < 0x3000 ? 1 : 61)
        {
            if (Rune.IsValid(value))
                Assert.Equal(value is >= ' ' and not ('"' or '\\'), Accepts(constraint, $"\"{new Rune(value)}\""));
        }
    }

    [Fact]
    public void Text_OfRandomBytes_IsTakenWhenItIsUtf8()
    {
        ITokenConstraint constraint = Schema("""{"type":"string"}""");
        var strict = new UTF8Encoding(false, throwOnInvalidBytes: true);
        var random = new Random(6);
        byte[] edges = [0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF];
        int taken = 0;
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => edges[random.Next(edges.Length)])];
            bool valid = true;
            try
            {
                strict.GetString(bytes);
            }
            catch (DecoderFallbackException)
            {
                valid = false;
            }

            Assert.Equal(valid, Accepts(constraint, [(byte)'"', .. bytes, (byte)'"']));
            taken += valid ? 1 : 0;
        }

        Assert.InRange(taken, 100, 19_900);
    }

    [Theory]
    [InlineData("^a*b+c?$")]
    [InlineData("^(?:ab|a|b(c|d)){1,3}$")]
    [InlineData("^[^a-c\"]{0,2}[\\]\\-x]$")]
    [InlineData("^a{2}b{1,}c{0,2}$")]
    [InlineData("^\\d\\w[.]$")]
    [InlineData("^(a|b)?(?:\"|\\\\|\\n)$")]
    [InlineData("^.$")]
    [InlineData("^$")]
    [InlineData("^()a$")]
    public void Pattern_OnRandomTexts_EqualsTheRegularExpression(string pattern)
    {
        ITokenConstraint constraint = Schema(JsonSerializer.Serialize(new { type = "string", pattern }));
        var expression = new Regex(pattern.Replace("$", "\\z", StringComparison.Ordinal), RegexOptions.ECMAScript); // .NET's $ also stands before a last line end
        var random = new Random(7);
        const string Characters = "aabbccd0\"\\\n.x-]é";
        int matches = 0;
        for (int round = 0; round < 5000; round++)
        {
            string text = string.Concat(Enumerable.Range(0, random.Next(0, 6)).Select(_ => Characters[random.Next(Characters.Length)]));
            string spelled = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
            bool match = expression.IsMatch(text);
            Assert.True(match == Accepts(constraint, $"\"{spelled}\""), text);
            matches += match ? 1 : 0;
        }

        Assert.InRange(matches, 1, 4999);
    }

    [Theory]
    [InlineData("""{"a":1}""", true)]
    [InlineData("""{"a": [1.5, "x", null, {"b":{}}],"a":true}""", true)]
    [InlineData("{}", true)]
    [InlineData("[]", false)]
    [InlineData("""{"a" :1}""", false)]
    [InlineData("""{"a":1,}""", false)]
    [InlineData("""{"a":tru}""", false)]
    [InlineData(""" {}""", false)]
    public void JsonObject_OfAnything_TakesObjectsOnly(string text, bool valid)
    {
        Assert.Equal(valid, Accepts(Require(Compiler.JsonObject()), text));
    }

    [Fact]
    public void JsonObject_NestedToTheBound_GoesNoDeeper()
    {
        ITokenConstraint constraint = Require(Compiler.JsonObject());

        Assert.True(Accepts(constraint, Nested(ConstraintCompiler.JsonObjectDepth)));
        Assert.False(Accepts(constraint, Nested(ConstraintCompiler.JsonObjectDepth + 1)));

        static string Nested(int depth) =>
            "{\"a\":" + string.Concat(Enumerable.Repeat("[", depth - 1)) + string.Concat(Enumerable.Repeat("]", depth - 1)) + "}";
    }

    [Fact]
    public void JsonObject_FromRandomLogits_IsAlwaysAnObject()
    {
        ITokenConstraint constraint = Require(Compiler.JsonObject());
        var random = new Random(12);
        int ended = 0;
        for (int round = 0; round < 100; round++)
        {
            if (Generate(constraint, ListTokenizer.Json, 0, random, 400) is not { } text)
                continue;
            Assert.Equal(JsonValueKind.Object, JsonElement.Parse(text).ValueKind);
            ended++;
        }

        Assert.InRange(ended, 80, 100);
    }

    private static ITokenConstraint Schema(string schema) => Require(Compiler.JsonSchema(schema));
}
