using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tokenizers.Reading;

namespace MoeLora.Models.Tokenizers;

/// <summary>Finds and reads the tokenizer of a model folder.</summary>
public static class TokenizerReader
{
    private const string FileName = "tokenizer.json";

    /// <summary>
    /// Reads <c>tokenizer.json</c> if it is byte-level BPE (GPT-2, Qwen2, Llama 3). Of other files that may lie beside it, such as
    /// <c>tokenizer_config.json</c>, nothing is read.
    /// </summary>
    /// <param name="modelDirectory">A folder as models are published.</param>
    /// <returns>The tokenizer, safe for many threads; or why there is none, when the folder has no tokenizer or one of another kind.</returns>
    /// <exception cref="CheckpointException">
    /// There is no such folder, the file cannot be read or is malformed, or something in it that changes ids is not understood.
    /// </exception>
    public static TokenizerLoad Read(string modelDirectory)
    {
        if (!Directory.Exists(modelDirectory))
            throw new CheckpointException($"{modelDirectory} is not a folder: give the folder that holds the model's files.");
        try
        {
            var file = Path.Combine(modelDirectory, FileName);
            return File.Exists(file)
                ? TokenizerFileReader.Read(File.ReadAllBytes(file), file)
                : TokenizerLoad.None(WhyNone(modelDirectory));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"The tokenizer in {modelDirectory} cannot be read: {e.Message}", e);
        }
    }

    private static string WhyNone(string modelDirectory)
    {
        var sentencePiece = Directory.EnumerateFiles(modelDirectory, "*.model").Select(Path.GetFileName).Order(StringComparer.Ordinal).FirstOrDefault();
        return sentencePiece is not null
            ? $"{modelDirectory} has a SentencePiece tokenizer only ({sentencePiece}), which is not supported yet. The model works with token ids."
            : $"{modelDirectory} has no {FileName}. Put the model's own there to use text; the model works with token ids.";
    }
}
