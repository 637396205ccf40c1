namespace MoeLora.Models.Tokenizers;

/// <summary>A token that is found in the text before anything else is done with it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">The text that it stands for, not empty.</param>
/// <param name="SingleWord">Whether it counts only where no word character touches it.</param>
/// <param name="LeftStrip">Whether it takes the whitespace before it.</param>
/// <param name="RightStrip">Whether it takes the whitespace after it.</param>
/// <param name="Normalized">Whether it is looked for in the normalised text, in its own normalised form.</param>
/// <param name="Special">Whether decoding may skip it.</param>
internal sealed record AddedToken(
    int Id,
    string Content,
    bool SingleWord,
    bool LeftStrip,
    bool RightStrip,
    bool Normalized,
    bool Special);
