using System.Text.Json;
using MoeLora.Engine.Constraints;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Tests.Constraints;

/// <summary>
/// Random schemas, random logits: whatever ends by itself is JSON and valid. 300 schemas with two answers each, 12,000 when
/// MOELORA_LONG is 1. With MOELORA_SCHEMA_DUMP every pair goes to that file, for other validators.
/// </summary>
public sealed class SchemaFuzzTests
{
    private const int EndToken = 0;

    private static readonly int Schemas = Environment.GetEnvironmentVariable("MOELORA_LONG") == "1" ? 12_000 : 300;

    [Fact]
    public void Generate_UnderRandomSchemas_GivesValidJson()
    {
        ITokenizer bpe = TokenizerReader.Read(Path.Combine(Pack.DataDirectory, "tokenizers", "bpe")).Require();
        (ITokenizer Tokenizer, int EndToken, ConstraintCompiler Compiler)[] vocabularies =
        [
            (ListTokenizer.Json, EndToken, new ConstraintCompiler(ListTokenizer.Json, ListTokenizer.Json.VocabularySize + 7)),
            (bpe, bpe.Encode("<|im_end|>")[0], new ConstraintCompiler(bpe, bpe.VocabularySize)),
        ];
        using StreamWriter? dump = Environment.GetEnvironmentVariable("MOELORA_SCHEMA_DUMP") is { } file ? new StreamWriter(file) : null;
        int ended = 0;
        for (int seed = 0; seed < Schemas; seed++)
        {
            var random = new Random(seed);
            string schema = new RandomSchema(random).Make();
            JsonElement root = JsonElement.Parse(schema);
            (ITokenizer tokenizer, int endToken, ConstraintCompiler compiler) = vocabularies[seed % 8 == 0 ? 1 : 0];
            ConstraintCompilation compilation = compiler.JsonSchema(schema);
            Assert.True(compilation.Succeeded, $"seed {seed}: {string.Join("; ", compilation.Problems)} in {schema}");
            for (int answer = 0; answer < 2; answer++)
            {
                string? text = ConstrainedAnswers.Generate(compilation.Constraint, tokenizer, endToken, random, 300);
                if (text is null)
                    continue;
                ended++;
                Assert.True(SchemaValidator.IsValid(root, text), $"seed {seed}: {text} under {schema}");
                dump?.WriteLine(JsonSerializer.Serialize(new[] { schema, text }));
            }
        }

        Assert.InRange(ended, Schemas * 2 * 0.9, Schemas * 2);
    }
}
