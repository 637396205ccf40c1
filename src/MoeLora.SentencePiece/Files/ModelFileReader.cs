using System.Globalization;
using MoeLora.Models.Checkpoints;

namespace MoeLora.SentencePiece.Files;

/// <summary>
/// Reads <c>.model</c> files (sentencepiece_model.proto). What changes ids and is not understood is refused; of the trainer's settings only those count that a
/// reader needs.
/// </summary>
internal sealed class ModelFileReader
{
    private const int ShownProblems = 20;
    private const int FirstExtension = 200; // the format leaves fields from here on to others

    private readonly List<string> _problems = [];
    private readonly List<Piece> _pieces = [];
    private readonly List<SelfTest> _selfTests = [];
    private NormalizerSettings _normalizer = new([], AddDummyPrefix: true, RemoveExtraWhitespaces: true);
    private ModelKind _kind = ModelKind.Unigram;
    private string _unknownSurface = " \u2047 ";
    private bool _byteFallback;

    /// <summary>Reads a file's bytes.</summary>
    /// <param name="content">The bytes.</param>
    /// <param name="file">Its path, for messages.</param>
    /// <exception cref="CheckpointException">It is malformed, or something in it that changes ids is not understood; lists all problems.</exception>
    public static ModelFile Read(ReadOnlySpan<byte> content, string file)
    {
        var reader = new ModelFileReader();
        try
        {
            reader.ReadModel(content);
        }
        catch (InvalidDataException e)
        {
            throw new CheckpointException($"{file} is no SentencePiece model, or is damaged: {e.Message}. Download it again.", e);
        }

        ModelFile model = reader.Check();
        if (reader._problems.Count == 0)
            return model;
        string more = reader._problems.Count > ShownProblems ? $"{Environment.NewLine}  … and {reader._problems.Count - ShownProblems} more" : "";
        throw new CheckpointException($"{file} cannot be used:{string.Concat(reader._problems.Take(ShownProblems).Select(problem => $"{Environment.NewLine}  {problem}"))}{more}");
    }

    private void ReadModel(ReadOnlySpan<byte> content)
    {
        var fields = new MessageReader(content);
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 1: ReadPiece(fields.Bytes); break;
                case 2: ReadTrainer(fields.Bytes); break;
                case 3: ReadNormalizer(fields.Bytes, "normalizer_spec"); break;
                case 4: ReadSelfTests(fields.Bytes); break;
                case 5: ReadDenormalizer(fields.Bytes); break;
                default: RefuseUnknown("the model", fields.Field); break;
            }
        }
    }

    private void ReadPiece(ReadOnlySpan<byte> content)
    {
        string text = "";
        float score = 0;
        var kind = PieceKind.Normal;
        var fields = new MessageReader(content);
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 1: text = fields.Text; break;
                case 2: score = fields.Single; break;
                case 3: kind = (PieceKind)fields.Number; break;
                default: RefuseUnknown($"piece {_pieces.Count}", fields.Field); break;
            }
        }

        if (text.Length == 0)
            _problems.Add($"piece {_pieces.Count} is empty");
        if (!float.IsFinite(score))
            _problems.Add($"piece {_pieces.Count} has the score {score.ToString(CultureInfo.InvariantCulture)}, which is no number to compare with");
        if (!Enum.IsDefined(kind))
            _problems.Add($"piece {_pieces.Count} is of type {(int)kind}, which is not known");
        if (kind == PieceKind.Unused)
            _problems.Add($"piece {_pieces.Count} is marked unused; models with such pieces are not supported");
        _pieces.Add(new Piece(text, score, kind));
    }

    private void ReadTrainer(ReadOnlySpan<byte> content)
    {
        var fields = new MessageReader(content);
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 3:
                    _kind = (ModelKind)fields.Number;
                    if (!Enum.IsDefined(_kind))
                        _problems.Add($"it cuts text in way {(int)_kind}; only unigram (1) and BPE (2) are supported");
                    break;
                case 24 when fields.Flag:
                    _problems.Add("treat_whitespace_as_suffix is set, which is not supported");
                    break;
                case 35:
                    _byteFallback = fields.Flag;
                    break;
                case 44:
                    _unknownSurface = fields.Text;
                    break;
            }
        }
    }

    private void ReadNormalizer(ReadOnlySpan<byte> content, string name)
    {
        var fields = new MessageReader(content);
        while (fields.Next())
        {
            switch (fields.Field)
            {
                case 1 or 6: // a name, and the rules that the map was made of
                    break;
                case 2:
                    _normalizer = _normalizer with { CharacterMap = fields.Bytes.ToArray() };
                    break;
                case 3:
                    _normalizer = _normalizer with { AddDummyPrefix = fields.Flag };
                    break;
                case 4:
                    _normalizer = _normalizer with { RemoveExtraWhitespaces = fields.Flag };
                    break;
                case 5:
                    if (!fields.Flag)
                        _problems.Add($"{name}.escape_whitespaces is not set, which is not supported");
                    break;
                default:
                    RefuseUnknown(name, fields.Field);
                    break;
            }
        }
    }

    private void ReadDenormalizer(ReadOnlySpan<byte> content)
    {
        var fields = new MessageReader(content);
        while (fields.Next())
        {
            if (fields.Field == 2 && !fields.Bytes.IsEmpty)
                _problems.Add("it changes text when it is decoded (denormalizer_spec), which is not supported");
        }
    }

    private void ReadSelfTests(ReadOnlySpan<byte> content)
    {
        var samples = new MessageReader(content);
        while (samples.Next())
        {
            if (samples.Field != 1)
                continue;
            (string input, string expected) = ("", "");
            var fields = new MessageReader(samples.Bytes);
            while (fields.Next())
            {
                switch (fields.Field)
                {
                    case 1: input = fields.Text; break;
                    case 2: expected = fields.Text; break;
                }
            }

            _selfTests.Add(new SelfTest(input, expected));
        }
    }

    private ModelFile Check()
    {
        foreach (IGrouping<string, Piece> same in _pieces.GroupBy(piece => piece.Text, StringComparer.Ordinal).Where(same => same.Count() > 1))
            _problems.Add($"the piece '{same.Key}' is there {same.Count()} times");
        int[] unknown = [.. Enumerable.Range(0, _pieces.Count).Where(id => _pieces[id].Kind == PieceKind.Unknown)];
        if (unknown.Length != 1)
            _problems.Add($"it has {unknown.Length} pieces for what is unknown, not one");
        return new ModelFile
        {
            Pieces = _pieces,
            Kind = _kind,
            Normalizer = _normalizer,
            UnknownId = unknown.FirstOrDefault(),
            UnknownSurface = _unknownSurface,
            ByteIds = FindBytes(),
            SelfTests = _selfTests,
        };
    }

    private int[]? FindBytes()
    {
        int[] ids = new int[256];
        Array.Fill(ids, -1);
        for (int id = 0; id < _pieces.Count; id++)
        {
            if (_pieces[id].Kind != PieceKind.Byte)
                continue;
            if (!_byteFallback)
                _problems.Add($"'{_pieces[id].Text}' stands for a byte, though byte_fallback is not set");
            else if (_pieces[id].Text is ['<', '0', 'x', var high, var low, '>'] && byte.TryParse([high, low], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte value))
                ids[value] = id;
            else
                _problems.Add($"'{_pieces[id].Text}' stands for a byte, but for none of <0x00> to <0xFF>");
        }

        if (!_byteFallback)
            return null;
        if (Array.IndexOf(ids, -1) is >= 0 and var missing)
            _problems.Add(string.Create(CultureInfo.InvariantCulture, $"byte_fallback is set, but <0x{missing:X2}> has no piece"));
        return ids;
    }

    private void RefuseUnknown(string where, int field)
    {
        if (field < FirstExtension)
            _problems.Add($"{where} has field {field}, which is not known: the file may be of a newer version of the format");
    }
}
