using MoeLora.Models.Checkpoints;

namespace MoeLora.Models.Tokenizers;

/// <summary>Reads tokenizers of another format than <c>tokenizer.json</c>; see <see cref="TokenizerReader.Add"/>.</summary>
public interface ITokenizerFormat
{
    /// <summary>The tokenizer in a folder.</summary>
    /// <param name="modelDirectory">A folder as models are published.</param>
    /// <returns>The tokenizer, safe for many threads, or why it cannot be used; null when the folder has none of this format.</returns>
    /// <exception cref="CheckpointException">A file is malformed, or something in it that changes ids is not understood.</exception>
    TokenizerLoad? Read(string modelDirectory);
}
