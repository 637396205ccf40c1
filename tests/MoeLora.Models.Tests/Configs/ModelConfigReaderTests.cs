using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Models.Tests.Checkpoints;

namespace MoeLora.Models.Tests.Configs;

public sealed class ModelConfigReaderTests : IDisposable
{
    private readonly TempDirectory _model = new();

    public void Dispose() => _model.Dispose();

    [Fact]
    public void Read_GenerationConfig_AddsItsEndTokens()
    {
        _model.Write("config.json", ConfigJson.Qwen2);
        _model.Write("generation_config.json", """{"eos_token_id":[151645,151643],"temperature":0.7,"anything":{}}""");

        Assert.Equal([151645, 151643], ModelConfigReader.Read(_model.Path).EndTokenIds);
    }

    [Fact]
    public void Read_EndTokenOnlyInGenerationConfig_IsEnough()
    {
        _model.Write("config.json", ConfigJson.Qwen2.With("{}", "eos_token_id"));
        _model.Write("generation_config.json", """{"eos_token_id":151643}""");

        Assert.Equal([151643], ModelConfigReader.Read(_model.Path).EndTokenIds);
    }

    [Fact]
    public void Read_EndTokenThatIsNull_MeansNone() =>
        Assert.Empty(ConfigJson.Qwen2.With("""{"eos_token_id":null}""").Read().EndTokenIds);

    [Fact]
    public void Read_GenerationConfigWithImpossibleEndToken_NamesThatFile()
    {
        _model.Write("config.json", ConfigJson.Qwen2);
        string path = _model.Write("generation_config.json", """{"eos_token_id":151936}""");

        Assert.StartsWith(path, Assert.Throws<CheckpointException>(() => ModelConfigReader.Read(_model.Path)).Message);
    }

    [Fact]
    public void Read_DirectoryWithoutConfig_SaysSo() =>
        Assert.Contains("there is no config.json", Assert.Throws<CheckpointException>(() => ModelConfigReader.Read(_model.Path)).Message);

    [Theory]
    [InlineData("""{"model_type":"gemma"}""", "'gemma' is not supported; supported are llama, mistral, qwen2 and chatglm")]
    [InlineData("{}", "'(absent)' is not supported")]
    [InlineData("""{"model_type":"llama","model_type":"qwen2"}""", "not valid JSON")]
    [InlineData("""{"model_type":"llama",}""", "not valid JSON")]
    [InlineData("[]", "not an object")]
    [InlineData("", "not valid JSON")]
    [InlineData("""{"\ud800":1}""", "config.json")]
    [InlineData("""{"model_type":"\ud800"}""", "config.json")]
    public void Read_ConfigThatIsNotOne_IsRefused(string json, string expected) =>
        Assert.Contains(expected, json.Error());

    [Fact]
    public void Read_ConfigWithByteOrderMark_IsRead()
    {
        _model.Write("config.json", "\uFEFF" + ConfigJson.Qwen2);

        Assert.Equal("qwen2", ModelConfigReader.Read(_model.Path).ModelType);
    }
}
