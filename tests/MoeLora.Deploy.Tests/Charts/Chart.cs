using System.Text;

namespace MoeLora.Deploy.Tests.Charts;

/// <summary>A chart of the repository, rendered as <c>helm template demo … --namespace inference</c> would.</summary>
internal sealed class Chart
{
    private readonly string _directory;
    private readonly Dictionary<string, IReadOnlyList<TemplateNode>> _definitions = [];
    private readonly Dictionary<string, IReadOnlyList<TemplateNode>> _files = [];
    private readonly Dictionary<string, object?> _values;
    private readonly Dictionary<string, object?> _about;

    public Chart(string directory)
    {
        _directory = directory;
        _values = YamlTree.Map(File.ReadAllText(Path.Combine(directory, "values.yaml")));
        _about = YamlTree.Map(File.ReadAllText(Path.Combine(directory, "Chart.yaml")));
        string templates = Path.Combine(directory, "templates");
        foreach (string file in Directory.EnumerateFiles(templates, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            IReadOnlyList<TemplateNode> nodes = TemplateParser.Parse(Path.GetRelativePath(templates, file), File.ReadAllText(file), _definitions);
            if (!Path.GetFileName(file).StartsWith('_'))
                _files.Add(Path.GetRelativePath(templates, file), nodes);
        }
    }

    /// <summary>A user's values over the chart's own.</summary>
    public Dictionary<string, object?> ValuesWith(Dictionary<string, object?> values) => TemplateFunctions.Overlay(_values, values);

    /// <summary>The text of each template.</summary>
    /// <exception cref="ChartException">The chart refuses the values.</exception>
    /// <exception cref="FormatException">The chart is wrong, or uses more of the language than this understands.</exception>
    public Dictionary<string, string> Render(Dictionary<string, object?> values)
    {
        var data = new Dictionary<string, object?>
        {
            ["Values"] = ValuesWith(values),
            ["Chart"] = new Dictionary<string, object?> { ["Name"] = _about["name"], ["Version"] = _about["version"], ["AppVersion"] = _about["appVersion"] },
            ["Release"] = new Dictionary<string, object?> { ["Name"] = "demo", ["Namespace"] = "inference", ["Service"] = "Helm" },
        };
        return _files.ToDictionary(file => file.Key, file => Run(file.Value, data));
    }

    /// <summary>All manifests.</summary>
    public List<Dictionary<string, object?>> Manifests(Dictionary<string, object?> values) =>
        [.. Render(values).Where(file => file.Key.EndsWith(".yaml", StringComparison.Ordinal)).SelectMany(file => YamlTree.Documents(file.Value)).Cast<Dictionary<string, object?>>()];

    private string Run(IReadOnlyList<TemplateNode> nodes, object? data)
    {
        var text = new StringBuilder();
        new Scope(this, data, new Dictionary<string, object?> { [""] = data }).Write(text, nodes);
        return text.ToString();
    }

    private object? Call(string function, object?[] arguments) => (function, arguments) switch
    {
        ("include", [string name, var data]) => Run(_definitions.GetValueOrDefault(name) ?? throw new FormatException($"There is no template '{name}'."), data),
        (TemplateParser.FilesGet, [string path]) => File.ReadAllText(Path.Combine(_directory, path)),
        _ => TemplateFunctions.Call(function, arguments),
    };

    /// <summary>What dot and variables are in a part of a template.</summary>
    private sealed class Scope(Chart chart, object? dot, Dictionary<string, object?> variables)
    {
        public void Write(StringBuilder text, IReadOnlyList<TemplateNode> nodes)
        {
            var inner = new Scope(chart, dot, new Dictionary<string, object?>(variables));
            foreach (TemplateNode node in nodes)
                inner.Write(text, node);
        }

        private void Write(StringBuilder text, TemplateNode node)
        {
            switch (node)
            {
                case TextNode literal:
                    text.Append(literal.Text);
                    break;
                case ActionNode { Variable: { } variable } kept:
                    variables[variable] = Value(kept.Pipeline);
                    break;
                case ActionNode action:
                    text.Append(TemplateFunctions.Print(Value(action.Pipeline)));
                    break;
                case IfNode branch:
                    Write(text, TemplateFunctions.IsTrue(Value(branch.Condition)) ? branch.Then : branch.Else);
                    break;
                case WithNode branch when Value(branch.Value) is var value && TemplateFunctions.IsTrue(value):
                    new Scope(chart, value, variables).Write(text, branch.Then);
                    break;
                case WithNode branch:
                    Write(text, branch.Else);
                    break;
                case RangeNode range:
                    foreach (object? item in (List<object?>?)Value(range.Items) ?? [])
                    {
                        var named = new Dictionary<string, object?>(variables);
                        if (range.Variable is { } name)
                            named[name] = item;
                        new Scope(chart, item, named).Write(text, range.Body);
                    }

                    break;
                default:
                    throw new FormatException($"{node.GetType().Name} is not understood.");
            }
        }

        private object? Value(Pipeline pipeline)
        {
            object? value = null;
            for (int i = 0; i < pipeline.Commands.Count; i++)
            {
                Command command = pipeline.Commands[i];
                if (command is { Function: null, Arguments: [var only] })
                    value = Value(only);
                else
                    value = chart.Call(command.Function!, [.. command.Arguments.Select(Value), .. i > 0 ? [value] : (object?[])[]]);
            }

            return value;
        }

        private object? Value(Operand operand) => operand switch
        {
            LiteralOperand literal => literal.Value,
            PipelineOperand inner => Value(inner.Pipeline),
            FieldOperand field => Field(field),
            _ => throw new FormatException($"{operand.GetType().Name} is not understood."),
        };

        private object? Field(FieldOperand field)
        {
            object? value = field.Variable is { } name
                ? variables.TryGetValue(name, out object? kept) ? kept : throw new FormatException($"There is no variable ${name}.")
                : dot;
            foreach (string key in field.Path)
                value = value is Dictionary<string, object?> map ? map.GetValueOrDefault(key) : throw new FormatException($"'{string.Join('.', field.Path)}': what '{key}' is asked of is no map.");
            return value;
        }
    }
}
