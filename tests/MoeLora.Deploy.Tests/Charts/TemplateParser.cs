using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace MoeLora.Deploy.Tests.Charts;

/// <summary>
/// Reads the part of Helm's template language that the chart uses: text, trimming, comments, pipelines, variables, if, with, range and define.
/// Everything else is an error, so that the chart cannot grow past what is checked.
/// </summary>
internal sealed partial class TemplateParser
{
    /// <summary>The one method that the chart calls.</summary>
    public const string FilesGet = ".Files.Get";

    private readonly string _file;
    private readonly List<(bool IsAction, string Text)> _parts;
    private readonly Dictionary<string, IReadOnlyList<TemplateNode>> _definitions;
    private int _at;

    private TemplateParser(string file, string text, Dictionary<string, IReadOnlyList<TemplateNode>> definitions)
    {
        _file = file;
        _definitions = definitions;
        _parts = Split(text);
    }

    /// <summary>Reads a file; what it defines is added to <paramref name="definitions"/>.</summary>
    public static IReadOnlyList<TemplateNode> Parse(string file, string text, Dictionary<string, IReadOnlyList<TemplateNode>> definitions)
    {
        var parser = new TemplateParser(file, text, definitions);
        (IReadOnlyList<TemplateNode> nodes, string? end) = parser.Body();
        return end is null ? nodes : throw parser.Error($"'{end}' closes nothing");
    }

    [GeneratedRegex(@"\{\{(-\s)?\s*(/\*.*?\*/|(?:""(?:\\.|[^""\\])*""|`[^`]*`|[^""`}]|\}(?!\}))*?)\s*(\s-)?\}\}", RegexOptions.Singleline)]
    private static partial Regex Action { get; }

    [GeneratedRegex("""\G\s*(?:(?<string>"(?:\\.|[^"\\])*"|`[^`]*`)|(?<number>-?\d+)(?![\w.])|(?<field>\$?[A-Za-z_0-9]*(?:\.[A-Za-z_0-9]+)+|\$[A-Za-z_0-9]*|\.)|(?<word>[A-Za-z][A-Za-z0-9]*)|(?<sign>:=|[|()]))""")]
    private static partial Regex Token { get; }

    private static List<(bool, string)> Split(string text)
    {
        var parts = new List<(bool, string)>();
        int at = 0;
        bool trims = false;
        foreach (Match action in Action.Matches(text))
        {
            string between = text[at..action.Index];
            if (trims)
                between = between.TrimStart();
            if (action.Groups[1].Success)
                between = between.TrimEnd();
            parts.Add((false, between));
            if (!action.Groups[2].Value.StartsWith("/*", StringComparison.Ordinal))
                parts.Add((true, action.Groups[2].Value.Trim()));
            trims = action.Groups[3].Success;
            at = action.Index + action.Length;
        }

        parts.Add((false, trims ? text[at..].TrimStart() : text[at..]));
        return parts;
    }

    /// <summary>Nodes up to an <c>end</c> or <c>else</c>, or to the end of the file.</summary>
    private (IReadOnlyList<TemplateNode> Nodes, string? End) Body()
    {
        var nodes = new List<TemplateNode>();
        while (_at < _parts.Count)
        {
            (bool isAction, string text) = _parts[_at++];
            if (!isAction)
            {
                if (text.Contains("{{", StringComparison.Ordinal))
                    throw Error($"an action is not understood: {text[text.IndexOf("{{", StringComparison.Ordinal)..].Split('\n')[0]}");
                nodes.Add(new TextNode(text));
                continue;
            }

            List<string> tokens = Tokens(text);
            if (tokens[0] is "end" or "else")
                return (nodes, string.Join(' ', tokens));
            nodes.AddRange(Node(tokens));
        }

        return (nodes, null);
    }

    private IEnumerable<TemplateNode> Node(List<string> tokens)
    {
        switch (tokens[0])
        {
            case "define":
                _definitions.Add((string)Unquote(tokens[1]), Closed());
                return [];
            case "if":
                return [Branch(tokens, (condition, then, otherwise) => new IfNode(condition, then, otherwise))];
            case "with":
                return [Branch(tokens, (value, then, otherwise) => new WithNode(value, then, otherwise))];
            case "range":
                bool named = tokens.Count > 2 && tokens[2] == ":=";
                return [new RangeNode(named ? tokens[1][1..] : null, Pipeline(tokens[(named ? 3 : 1)..]), Closed())];
            case ['$', .. var variable] when tokens.Count > 1 && tokens[1] == ":=":
                return [new ActionNode(variable, Pipeline(tokens[2..]))];
            default:
                return [new ActionNode(null, Pipeline(tokens))];
        }
    }

    private TemplateNode Branch(List<string> tokens, Func<Pipeline, IReadOnlyList<TemplateNode>, IReadOnlyList<TemplateNode>, TemplateNode> make)
    {
        Pipeline value = Pipeline(tokens[1..]);
        (IReadOnlyList<TemplateNode> then, string? end) = Body();
        if (end == "end")
            return make(value, then, []);
        if (end == "else")
            return make(value, then, Closed());
        if (end?.StartsWith("else if ", StringComparison.Ordinal) != true)
            throw Error($"'{string.Join(' ', tokens)}' has no end");
        return make(value, then, [Branch(Tokens(end["else ".Length..]), (condition, inner, otherwise) => new IfNode(condition, inner, otherwise))]);
    }

    private IReadOnlyList<TemplateNode> Closed()
    {
        (IReadOnlyList<TemplateNode> nodes, string? end) = Body();
        return end == "end" ? nodes : throw Error($"an end is missing, there is '{end}'");
    }

    private List<string> Tokens(string text)
    {
        var tokens = new List<string>();
        int at = 0;
        while (at < text.Length)
        {
            Match token = Token.Match(text, at);
            if (!token.Success)
                throw Error($"'{text[at..]}' is not understood in '{text}'");
            tokens.Add(token.Value.Trim());
            at += token.Length;
        }

        return tokens.Count > 0 ? tokens : throw Error("an action is empty");
    }

    private Pipeline Pipeline(List<string> tokens)
    {
        var commands = new List<Command>();
        var rest = new Queue<string>(tokens);
        while (true)
        {
            commands.Add(Command(rest));
            if (!rest.TryDequeue(out string? sign))
                return new Pipeline(commands);
            if (sign != "|")
                throw Error($"'{sign}' is not understood in '{string.Join(' ', tokens)}'");
        }
    }

    private Command Command(Queue<string> tokens)
    {
        bool calls = tokens.TryPeek(out string? first) && (first == FilesGet || (char.IsAsciiLetter(first[0]) && first is not ("true" or "false" or "nil")));
        string? function = calls ? tokens.Dequeue() : null;
        var arguments = new List<Operand>();
        while (tokens.TryPeek(out string? next) && next is not ("|" or ")"))
            arguments.Add(Operand(tokens));
        return function is not null || arguments.Count == 1 ? new Command(function, arguments) : throw Error("a value stands where a function is expected");
    }

    private Operand Operand(Queue<string> tokens)
    {
        string token = tokens.Dequeue();
        if (token == "(")
        {
            var inner = new List<string>();
            int depth = 1;
            while (true)
            {
                string next = tokens.Count > 0 ? tokens.Dequeue() : throw Error("a parenthesis is not closed");
                depth += next switch { "(" => 1, ")" => -1, _ => 0 };
                if (depth == 0)
                    return new PipelineOperand(Pipeline(inner));
                inner.Add(next);
            }
        }

        return token[0] switch
        {
            '"' or '`' => new LiteralOperand(Unquote(token)),
            '$' when token.Split('.') is [['$', .. var variable], .. var path] => new FieldOperand(variable, path),
            '.' => new FieldOperand(null, token == "." ? [] : token[1..].Split('.')),
            _ when token is "true" or "false" => new LiteralOperand(token == "true"),
            _ when token == "nil" => new LiteralOperand(null),
            _ when long.TryParse(token, CultureInfo.InvariantCulture, out long number) => new LiteralOperand(number),
            _ => throw Error($"'{token}' is not understood as a value"),
        };
    }

    private static object Unquote(string token) => token[0] == '`' ? token[1..^1] : JsonSerializer.Deserialize<string>(token)!;

    private FormatException Error(string problem) => new($"{_file}: {problem}.");
}
