using System.Diagnostics;
using System.Globalization;
using System.Text;
using MoeLora.Engine.Constraints;

namespace MoeLora.Engine.Tests.Constraints;

public sealed class SchemaRefusalTests
{
    private static readonly ConstraintCompiler Compiler = new(ListTokenizer.Json, ListTokenizer.Json.VocabularySize);

    [Theory]
    [InlineData("""{"type":"string","format":"date"}""", "/format")]
    [InlineData("""{"type":"string","minimum":1}""", "/minimum")]
    [InlineData("""{"type":"string","minLength":3,"maxLength":2}""", "/minLength")]
    [InlineData("""{"type":"string","minLength":-1}""", "/minLength")]
    [InlineData("""{"type":"string","maxLength":1.5}""", "/maxLength")]
    [InlineData("""{"type":"string","pattern":"^a$","maxLength":2}""", "/pattern")]
    [InlineData("""{"type":"integer","minimum":0.5}""", "/minimum")]
    [InlineData("""{"type":"integer","minimum":"0"}""", "/minimum")]
    [InlineData("""{"type":"integer","maximum":1e30}""", "/maximum")]
    [InlineData("""{"type":"integer","exclusiveMinimum":0}""", "/exclusiveMinimum")]
    [InlineData("""{"type":"number","multipleOf":2}""", "/multipleOf")]
    [InlineData("""{"type":"array","items":{"type":"null"},"uniqueItems":true}""", "/uniqueItems")]
    [InlineData("""{"type":"array"}""", "")]
    [InlineData("""{"type":"array","items":true}""", "/items")]
    [InlineData("""{"type":"array","items":{"type":"nul"}}""", "/items/type")]
    [InlineData("""{"type":"object"}""", "")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"null"}},"additionalProperties":true}""", "/additionalProperties")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"null"}},"required":["b"]}""", "/required")]
    [InlineData("""{"type":"object","properties":{"a/b~":{}}}""", "/properties/a~1b~0")]
    [InlineData("""{"type":"object","properties":{"a":{"type":"null"}},"patternProperties":{}}""", "/patternProperties")]
    [InlineData("""{"anyOf":[]}""", "/anyOf")]
    [InlineData("""{"anyOf":[{"type":"null"}],"type":"null"}""", "/type")]
    [InlineData("""{"allOf":[{"type":"null"}]}""", "")]
    [InlineData("""{"oneOf":[{"type":"integer"},{"type":"number"}]}""", "/oneOf")]
    [InlineData("""{"oneOf":[{"const":1},{"enum":[2,1.0]}]}""", "/oneOf")]
    [InlineData("""{"oneOf":[{"type":"string"},{"const":"a"}]}""", "/oneOf")]
    [InlineData("""{"oneOf":[{"type":"object","properties":{"a":{"type":"null"}},"required":["a"]},{"type":"object","properties":{"b":{"type":"null"}},"required":["b"]}]}""", "/oneOf")]
    [InlineData("""{"enum":[]}""", "/enum")]
    [InlineData("""{"enum":["a",1],"type":"string"}""", "/enum")]
    [InlineData("""{"const":1,"minimum":0}""", "/minimum")]
    [InlineData("""{"$ref":"#"}""", "/$ref")]
    [InlineData("""{"$ref":"#/$defs/a"}""", "/$ref")]
    [InlineData("""{"$ref":"other.json#/$defs/a"}""", "/$ref")]
    [InlineData("""{"$ref":"#/$defs/a","$defs":{"a":{"type":"array","items":{"$ref":"#/$defs/a"}}}}""", "/$defs/a/items/$ref")]
    [InlineData("""{"type":"array","items":{"$defs":{},"type":"null"}}""", "/items/$defs")]
    [InlineData("true", "")]
    [InlineData("[]", "")]
    [InlineData("{", "")]
    [InlineData("""{"type":"null","type":"string"}""", "")]
    [InlineData("""{"const":"\ud800"}""", "")]
    public void JsonSchema_BeyondTheSubset_IsRefusedWithItsPlace(string schema, string pointer)
    {
        ConstraintCompilation compilation = Compiler.JsonSchema(schema);

        Assert.Null(compilation.Constraint);
        ConstraintProblem problem = Assert.Single(compilation.Problems);
        Assert.Equal(pointer, problem.Pointer);
        Assert.NotEmpty(problem.Reason);
    }

    [Fact]
    public void JsonSchema_WithHalfASurrogatePair_IsRefused()
    {
        Assert.Contains("surrogate", Assert.Single(Compiler.JsonSchema("{\"const\":\"\uDC00\"}").Problems).Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a")]
    [InlineData("^a")]
    [InlineData("a$")]
    [InlineData("^a|b$")]
    [InlineData("^a$b")]
    [InlineData("^a$b$")]
    [InlineData("^(?=a)b$")]
    [InlineData("^(?i)b$")]
    [InlineData("^\\bb$")]
    [InlineData("^\\s$")]
    [InlineData("^\\1$")]
    [InlineData("^\\p{L}$")]
    [InlineData("^a*?$")]
    [InlineData("^(a*)*$")]
    [InlineData("^[$")]
    [InlineData("^[]a]$")]
    [InlineData("^[z-a]$")]
    [InlineData("^[\\w-z]$")]
    [InlineData("^[a&&[b]]$")]
    [InlineData("^(a$")]
    [InlineData("^a)$")]
    [InlineData("^a{2,1}$")]
    [InlineData("^a{,1}$")]
    [InlineData("^a{1$")]
    [InlineData("^a{600}$")]
    [InlineData("^((a{50}){50}){50}$")]
    [InlineData("^*$")]
    [InlineData("^😀$")]
    [InlineData("^a\\")]
    [InlineData("^[\\")]
    public void Pattern_ThatDialectsReadDifferentlyOrThatIsLarge_IsRefused(string pattern)
    {
        ConstraintCompilation compilation = Compiler.JsonSchema(System.Text.Json.JsonSerializer.Serialize(new { type = "string", pattern }));

        Assert.Equal("/pattern", Assert.Single(compilation.Problems).Pointer);
    }

    [Fact]
    public void JsonSchema_WithSeveralProblems_ReportsThemAll()
    {
        ConstraintCompilation compilation = Compiler.JsonSchema("""
            {"type":"object","properties":{"a":{"type":"string","format":"x"},"b":{"type":"array","items":{"not":{}}},"c":{"$ref":"#/$defs/no"}},"minProperties":2}
            """);

        Assert.Equal(["/properties/a/format", "/properties/b/items", "/properties/c/$ref", "/minProperties"], compilation.Problems.Select(problem => problem.Pointer));
    }

    [Fact]
    public void OneOf_OfSchemasThatExcludeEachOther_IsTaken()
    {
        Assert.All(
            [
                """{"oneOf":[{"type":"string"},{"type":"null"},{"type":"integer"},{"type":"array","items":{"type":"null"}},{"type":"boolean"},{"type":"object","additionalProperties":false}]}""",
                """{"oneOf":[{"type":"integer","maximum":3},{"type":"number","minimum":4}]}""",
                """{"oneOf":[{"type":"string","maxLength":3},{"type":"string","minLength":4}]}""",
                """{"oneOf":[{"const":1},{"const":"1"},{"const":2}]}""",
                """{"oneOf":[{"type":"object","properties":{"a":{"type":"null"}},"required":["a"],"additionalProperties":false},{"type":"object","properties":{"b":{"type":"null"}}, "additionalProperties":false}]}""",
            ],
            schema => ConstrainedAnswers.Require(Compiler.JsonSchema(schema)));
    }

    [Fact]
    public void JsonSchema_ThatGrowsByItsDefinitions_EndsSoon()
    {
        // Each definition uses the next one twice, in alternatives that begin alike: written out it would be 2^18 schemas.
        var text = new StringBuilder("""{"$ref":"#/$defs/d0","$defs":{""");
        for (int i = 0; i < 18; i++)
        {
            string next = $"{{\"$ref\":\"#/$defs/d{(i + 1).ToString(CultureInfo.InvariantCulture)}\"}}";
            text.Append(CultureInfo.InvariantCulture, $$"""
                "d{{i}}":{"anyOf":[{"type":"array","items":{{next}},"maxItems":3},{"type":"array","items":{{next}},"maxItems":4}]},
                """);
        }

        text.Append("\"d18\":{\"type\":\"null\"}}}");
        long started = Stopwatch.GetTimestamp();

        ConstraintCompilation compilation = Compiler.JsonSchema(text.ToString());

        Assert.Contains("too large", Assert.Single(compilation.Problems).Reason, StringComparison.Ordinal);
        Assert.InRange(Stopwatch.GetElapsedTime(started).TotalSeconds, 0, 20);
    }

    [Fact]
    public void JsonSchema_OfManyLargeAlternatives_IsTaken()
    {
        static string Properties(int tag) => string.Join(",", Enumerable.Range(0, 12).Select(i => $"\"p{i}\":{{\"const\":{tag}}}"));
        static string Names() => string.Join(",", Enumerable.Range(0, 12).Select(i => $"\"p{i}\""));
        string schema = "{\"anyOf\":[" + string.Join(",", Enumerable.Range(0, 256).Select(tag => $"{{\"type\":\"object\",\"properties\":{{{Properties(tag)}}},\"required\":[{Names()}]}}")) + "]}";

        Assert.True(Compiler.JsonSchema(schema).Succeeded);
    }

    [Fact]
    public void JsonSchema_ThatNestsTooDeep_IsRefused()
    {
        string deep = string.Concat(Enumerable.Repeat("""{"type":"array","items":""", 70)) + "{\"type\":\"null\"}" + new string('}', 70);

        Assert.Contains("deep", Assert.Single(Compiler.JsonSchema(deep).Problems).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void JsonSchema_OfTooManyValues_IsRefused()
    {
        var random = new Random(3);
        string many = "{\"enum\":[" + string.Join(",", Enumerable.Range(0, 6000).Select(_ => $"\"{new string([.. Enumerable.Range(0, 36).Select(_ => (char)random.Next('a', 'z'))])}\"")) + "]}";

        Assert.Contains("too large", Assert.Single(Compiler.JsonSchema(many).Problems).Reason, StringComparison.Ordinal);
        Assert.Contains("characters", Assert.Single(Compiler.JsonSchema("{\"const\":\"" + new string('a', 300_000) + "\"}").Problems).Reason, StringComparison.Ordinal);
    }
}
