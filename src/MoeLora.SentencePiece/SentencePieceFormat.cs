using MoeLora.Models.Checkpoints;
using MoeLora.Models.Configs;
using MoeLora.Models.Tokenizers;
using MoeLora.SentencePiece.Files;
using MoeLora.SentencePiece.Styles;

namespace MoeLora.SentencePiece;

/// <summary>
/// Tokenizers of <c>.model</c> files, as Llama 2, Mistral (<c>tokenizer.model</c>) and ChatGLM-6B (<c>ice_text.model</c>) publish them. A program adds it with
/// <see cref="TokenizerReader.Add"/>.
/// </summary>
public sealed class SentencePieceFormat : ITokenizerFormat
{
    private static readonly string[] FileNames = ["ice_text.model", "tokenizer.model"];

    /// <inheritdoc/>
    public TokenizerLoad? Read(string modelDirectory)
    {
        string? file = FileNames.Select(name => Path.Combine(modelDirectory, name)).FirstOrDefault(File.Exists);
        if (file is null)
        {
            return Directory.EnumerateFiles(modelDirectory, "*.model").Select(Path.GetFileName).Order(StringComparer.Ordinal).FirstOrDefault() is { } other
                ? TokenizerLoad.None($"{modelDirectory} has {other}, but a SentencePiece tokenizer is known as {string.Join(" or ", FileNames)} only. The model works with token ids.")
                : null;
        }

        ModelFile model = ModelFileReader.Read(File.ReadAllBytes(file), file);
        ITextStyle style = StyleReader.Read(modelDirectory, ModelConfigReader.Read(modelDirectory), model, file);
        try
        {
            return TokenizerLoad.Of(new PieceTokenizer(model, style));
        }
        catch (InvalidDataException e)
        {
            throw new CheckpointException($"{file} cannot be used: {e.Message}.", e);
        }
    }
}
