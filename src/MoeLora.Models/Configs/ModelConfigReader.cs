using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Configs;

/// <summary>
/// Reads a model's <c>config.json</c> into the typed config of its family. Every key is understood, known to change nothing, or an error:
/// a model is never run with a setting that was overlooked.
/// </summary>
public static class ModelConfigReader
{
    private const string ConfigName = "config.json";
    private const string GenerationName = "generation_config.json";

    /// <summary>
    /// Reads <c>config.json</c> of a model's directory, and the end tokens of <c>generation_config.json</c> where there is one.
    /// </summary>
    /// <returns>A <see cref="LlamaConfig"/> or a <see cref="ChatGlmConfig"/>.</returns>
    /// <exception cref="CheckpointException">The file is missing or not valid, or the model is of a kind that is not supported; lists every problem.</exception>
    public static ModelConfig Read(string directory)
    {
        string path = Path.Combine(directory, ConfigName);
        if (!File.Exists(path))
            throw new CheckpointException($"{directory}: there is no {ConfigName}; a model's directory holds one beside its weights.");
        string generationPath = Path.Combine(directory, GenerationName);
        JsonMembers? generation = File.Exists(generationPath) ? JsonMembers.ReadFile(generationPath) : null;
        return Read(JsonMembers.ReadFile(path), path, generation, generationPath);
    }

    internal static ModelConfig Read(JsonMembers members, string path, JsonMembers? generation = null, string generationPath = GenerationName)
    {
        var problems = new ProblemList(path);
        var fields = new ConfigFields(members, problems);
        ModelConfig config = fields.Text("model_type") switch
        {
            "llama" => LlamaConfigReader.Read(fields, LlamaKind.Llama, path),
            "mistral" => LlamaConfigReader.Read(fields, LlamaKind.Mistral, path),
            "qwen2" => LlamaConfigReader.Read(fields, LlamaKind.Qwen2, path),
            "chatglm" => ChatGlmConfigReader.Read(fields),
            var other => throw new CheckpointException(
                $"{path}: model_type {ProblemList.Quote(other ?? "(absent)")} is not supported; supported are llama, mistral, qwen2 and chatglm."),
        };

        var generationProblems = new ProblemList(generationPath);
        IReadOnlyList<int>? moreEnds = generation is null ? null : new ConfigFields(generation, generationProblems).Ids("eos_token_id", config.VocabularySize > 0 ? config.VocabularySize : ConfigLimits.Vocabulary);
        if (moreEnds is null && !members.ContainsKey("eos_token_id"))
            problems.Add($"key 'eos_token_id' is missing here and in {GenerationName}; nothing would end a generation.");
        problems.ThrowIfAny();
        generationProblems.ThrowIfAny();
        return config with { EndTokenIds = [.. config.EndTokenIds.Concat(moreEnds ?? []).Distinct()] };
    }
}
