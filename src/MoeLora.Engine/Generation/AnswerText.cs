using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Generation;

/// <summary>The text of one answer as it grows: whole characters, without stop strings and what follows them.</summary>
internal sealed class AnswerText(ITokenizer? tokenizer, IReadOnlyList<string> stop)
{
    private readonly ITokenStream? _stream = tokenizer?.StartStream();
    private readonly StopScanner _scanner = new(stop);

    public bool Stopped => _scanner.Stopped;

    /// <summary>The text that a token decides. A token that a model has but its tokenizer does not (a padded embedding table) has none.</summary>
    public string Append(int id) => _stream is null || id >= tokenizer!.VocabularySize ? "" : _scanner.Append(_stream.Append(id));

    /// <summary>What was held back, when no more tokens will come.</summary>
    public string Finish() => _stream is null || Stopped ? "" : _scanner.Append(_stream.Finish()) + _scanner.Finish();
}
