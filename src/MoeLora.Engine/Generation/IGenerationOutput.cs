namespace MoeLora.Engine.Generation;

/// <summary>Where a generation's tokens go, called on the thread that drives the model: it must not wait.</summary>
public interface IGenerationOutput
{
    /// <summary>A token was generated.</summary>
    /// <param name="id">The token.</param>
    /// <param name="text">The text that is now decided: whole characters; empty for an end token, without a tokenizer, or while text is held back.</param>
    void OnToken(int id, string text);

    /// <summary>The text that was still held back when the generation ended.</summary>
    void OnRest(string text);
}
