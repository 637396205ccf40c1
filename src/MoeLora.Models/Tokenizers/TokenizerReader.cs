using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tokenizers.Reading;

namespace MoeLora.Models.Tokenizers;

/// <summary>Finds and reads the tokenizer of a model folder.</summary>
public static class TokenizerReader
{
    private const string FileName = "tokenizer.json";

    private static readonly Lock Gate = new();
    private static volatile IReadOnlyList<ITokenizerFormat> _formats = [];

    /// <summary>Reads one more format in this process, where a folder has no <c>tokenizer.json</c> that can be used. For a program's start.</summary>
    /// <param name="format">A second one of the same type takes the place of the first.</param>
    public static void Add(ITokenizerFormat format)
    {
        lock (Gate)
            _formats = [.. _formats.Where(known => known.GetType() != format.GetType()), format];
    }

    /// <summary>
    /// Reads <c>tokenizer.json</c> if it is byte-level BPE (GPT-2, Qwen2, Llama 3), and of other files the formats that the program has added. Of files that may
    /// lie beside <c>tokenizer.json</c>, such as <c>tokenizer_config.json</c>, nothing is read.
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
            var json = File.Exists(file) ? TokenizerFileReader.Read(File.ReadAllBytes(file), file) : null;
            if (json is { HasTokenizer: true })
                return json;
            foreach (var format in _formats)
            {
                if (format.Read(modelDirectory) is { } load)
                    return load;
            }

            return SentencePieceOf(modelDirectory) ?? json ?? TokenizerLoad.None($"{modelDirectory} has no {FileName}. Put the model's own there to use text; the model works with token ids.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"The tokenizer in {modelDirectory} cannot be read: {e.Message}", e);
        }
    }

    // A program with the format has found it before.
    private static TokenizerLoad? SentencePieceOf(string modelDirectory) =>
        Directory.EnumerateFiles(modelDirectory, "*.model").Select(Path.GetFileName).Order(StringComparer.Ordinal).FirstOrDefault() is { } file
            ? TokenizerLoad.None($"{modelDirectory} has a SentencePiece tokenizer ({file}), which this program does not read; moelora-silo, the program of MoeLora.Silo, does, with the same commands. Here the model works with token ids.")
            : null;
}
