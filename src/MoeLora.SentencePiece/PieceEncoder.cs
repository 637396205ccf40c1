using System.Text;
using MoeLora.SentencePiece.Files;
using MoeLora.SentencePiece.Normalization;
using MoeLora.SentencePiece.Segmentation;

namespace MoeLora.SentencePiece;

/// <summary>Text to the ids of a model's pieces, as SentencePiece gives them. Safe for many threads.</summary>
internal sealed class PieceEncoder
{
    private readonly ModelFile _model;
    private readonly TextNormalizer _normalizer;
    private readonly ISegmenter _segmenter;

    /// <exception cref="InvalidDataException">Something of the model cannot be used.</exception>
    public PieceEncoder(ModelFile model)
    {
        _model = model;
        _normalizer = new TextNormalizer(model.Normalizer, model.Pieces.Where(piece => piece.Kind == PieceKind.UserDefined).Select(piece => piece.Text));
        _segmenter = model.Kind == ModelKind.Bpe ? new BpeSegmenter(model) : new UnigramSegmenter(model);
        Test();
    }

    /// <summary>Appends the ids of a text.</summary>
    /// <param name="text">Well-formed UTF-16.</param>
    /// <param name="ids">Where the ids go.</param>
    public void Encode(string text, List<int> ids)
    {
        string normalized = _normalizer.Normalize(text);
        var segments = new List<Segment>();
        _segmenter.Cut(normalized, segments);
        bool afterUnknown = false;
        Span<byte> bytes = stackalloc byte[4];
        foreach (Segment segment in segments)
        {
            bool unknown = segment.Id == _model.UnknownId;
            if (unknown && _model.ByteIds is { } byteIds)
            {
                foreach (byte value in bytes[..Encoding.UTF8.GetBytes(normalized.AsSpan(segment.Start, segment.Length), bytes)])
                    ids.Add(byteIds[value]);
            }
            else if (!unknown || !afterUnknown) // unknown characters that follow each other are one
            {
                ids.Add(segment.Id);
            }

            afterUnknown = unknown;
        }
    }

    // The model's makers may have left texts with what they became.
    private void Test()
    {
        if (_model.SelfTests.Count == 0)
            return;
        var idOf = new Dictionary<string, int>(StringComparer.Ordinal);
        for (int id = 0; id < _model.Pieces.Count; id++)
            idOf.Add(_model.Pieces[id].Text, id);
        foreach (SelfTest test in _model.SelfTests)
        {
            var ids = new List<int>();
            Encode(test.Input, ids);
            if (!ids.SequenceEqual(test.Expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(piece => idOf.GetValueOrDefault(piece, _model.UnknownId))))
                throw new InvalidDataException($"its own test fails: '{test.Input}' should be '{test.Expected}', but is '{string.Join(' ', ids.Select(id => _model.Pieces[id].Text))}'");
        }
    }
}
