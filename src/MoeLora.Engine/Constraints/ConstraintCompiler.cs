using System.Text;
using System.Text.Json;
using MoeLora.Engine.Constraints.Automata;
using MoeLora.Engine.Constraints.Json;
using MoeLora.Models.Tokenizers;

namespace MoeLora.Engine.Constraints;

/// <summary>
/// Compiles constraints for one model and its tokenizer, and keeps those last asked for, so that requests with the same constraint share
/// the work. Safe for many threads; made once per model, because it sorts the vocabulary.
/// </summary>
public sealed class ConstraintCompiler
{
    /// <summary>How deep objects and arrays nest in an answer of <see cref="JsonObject"/>, the object itself counted.</summary>
    public const int JsonObjectDepth = 16;

    /// <summary>The most characters of a schema, or of all options together.</summary>
    public const int MostCharacters = 1 << 18;

    private const int MostExpressions = 100_000; // of some 300 bytes each
    private const int MostWidth = 1024; // alternatives that an automaton follows at once
    private const string HalfSurrogatePair = "holds a text with half a surrogate pair, which UTF-8 cannot spell";
    private const int MostKept = 32;
    private const long LargestGrowth = 16 << 20; // bytes of states and masks of one constraint

    private readonly object _lock = new();
    private readonly TokenVocabulary _tokens;
    private readonly Dictionary<string, LinkedListNode<(string Key, ITokenConstraint Constraint)>> _kept = new(StringComparer.Ordinal);
    private readonly LinkedList<(string Key, ITokenConstraint Constraint)> _byUse = []; // last used first

    /// <summary>A compiler for a model.</summary>
    /// <param name="tokenizer">The model's.</param>
    /// <param name="vocabularySize">Ids of the model, which may be more than the tokenizer's.</param>
    public ConstraintCompiler(ITokenizer tokenizer, int vocabularySize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        _tokens = new TokenVocabulary(tokenizer, vocabularySize);
    }

    /// <summary>The answer is one of these texts exactly, in whatever tokens. One may be the beginning of another.</summary>
    /// <param name="options">At least one, none of them empty.</param>
    public ConstraintCompilation Choice(IReadOnlyList<string> options) =>
        Compile("choice " + JsonSerializer.Serialize(options), (table, problems) => ReadChoice(options, table, problems));

    /// <summary>The answer is JSON that fits a schema of the documented subset.</summary>
    /// <param name="schema">The schema, JSON itself.</param>
    public ConstraintCompilation JsonSchema(string schema) => Compile("schema " + schema, (table, problems) => ReadSchema(schema, table, problems));

    /// <summary>The answer is any JSON object, nested up to <see cref="JsonObjectDepth"/>.</summary>
    public ConstraintCompilation JsonObject() => Compile("object", (table, _) => new JsonExpressions(table).AnyObject(JsonObjectDepth));

    private ConstraintCompilation Compile(string key, Func<ExpressionTable, List<ConstraintProblem>, ByteExpression?> read)
    {
        lock (_lock)
        {
            if (_kept.TryGetValue(key, out LinkedListNode<(string, ITokenConstraint Constraint)>? known))
            {
                _byUse.Remove(known);
                _byUse.AddFirst(known);
                return new ConstraintCompilation(known.Value.Constraint, []);
            }
        }

        var problems = new List<ConstraintProblem>();
        var table = new ExpressionTable();
        ITokenConstraint? constraint = null;
        if (key.Length > MostCharacters)
            problems.Add(new ConstraintProblem("", $"has more than {MostCharacters} characters"));
        else if (read(table, problems) is { } answers && problems.Count == 0)
            constraint = Constrain(answers, table, problems);
        if (constraint is not null)
            Keep(key, constraint);
        return new ConstraintCompilation(constraint, problems);
    }

    private AutomatonConstraint? Constrain(ByteExpression answers, ExpressionTable table, List<ConstraintProblem> problems)
    {
        if (table.Count > MostExpressions)
            problems.Add(new ConstraintProblem("", "is too large: use fewer or shorter parts"));
        var alphabet = new ByteAlphabet(answers);
        if (!(alphabet.Used - _tokens.SingleBytes).IsEmpty)
            problems.Add(new ConstraintProblem("", "needs bytes that are no tokens of this model by themselves, so that an answer could get stuck"));
        return problems.Count == 0 ? new AutomatonConstraint(_tokens, answers, alphabet, LargestGrowth) : null;
    }

    private void Keep(string key, ITokenConstraint constraint)
    {
        lock (_lock)
        {
            if (_kept.ContainsKey(key))
                return; // another request was as quick
            _kept[key] = _byUse.AddFirst((key, constraint));
            if (_kept.Count <= MostKept)
                return;
            _kept.Remove(_byUse.Last!.Value.Key);
            _byUse.RemoveLast();
        }
    }

    private static ByteExpression? ReadChoice(IReadOnlyList<string> options, ExpressionTable table, List<ConstraintProblem> problems)
    {
        if (options.Count == 0)
            problems.Add(new ConstraintProblem("", "must hold at least one option"));
        for (int i = 0; i < options.Count; i++)
        {
            if (options[i].Length == 0)
                problems.Add(new ConstraintProblem($"/{i}", "must not be empty"));
            else if (!IsWellFormed(options[i]))
                problems.Add(new ConstraintProblem($"/{i}", HalfSurrogatePair));
        }

        return problems.Count > 0 ? null : LiteralSet.Build(table, options.Select(Encoding.UTF8.GetBytes));
    }

    private static ByteExpression? ReadSchema(string schema, ExpressionTable table, List<ConstraintProblem> problems)
    {
        if (!IsWellFormed(schema))
        {
            problems.Add(new ConstraintProblem("", HalfSurrogatePair));
            return null;
        }

        JsonElement root;
        try
        {
            root = JsonElement.Parse(schema, new JsonDocumentOptions { MaxDepth = 256, AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            problems.Add(new ConstraintProblem("", $"is not JSON in which each name of an object appears once: see line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}"));
            return null;
        }

        if (!HasWellFormedEscapes(schema))
        {
            problems.Add(new ConstraintProblem("", HalfSurrogatePair));
            return null;
        }

        SchemaNode? node = new SchemaReader(table, MostExpressions, root, problems).Read();
        if (node?.Width > MostWidth)
            problems.Add(new ConstraintProblem("", $"is too large: its alternatives may leave {node.Width} open at once, of at most {MostWidth}"));
        return node?.Expression;
    }

    private static bool IsWellFormed(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (!char.IsSurrogatePair(text, i))
                return false;
            i++;
        }

        return true;
    }

    /// <summary>Whether no escaped text of a JSON document holds half a surrogate pair.</summary>
    private static bool HasWellFormedEscapes(string json)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(json), new JsonReaderOptions { MaxDepth = 256 });
        while (reader.Read())
        {
            if (!reader.ValueIsEscaped)
                continue;
            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException) // the only way in which the reader tells
            {
                return false;
            }
        }

        return true;
    }
}
