using System.Text.Json;
using MoeLora.Engine.Constraints.Automata;

namespace MoeLora.Engine.Constraints.Json;

/// <summary>Reads the subset of JSON Schema that the README of this room documents, and says of everything else where and why it is refused.</summary>
internal sealed class SchemaReader
{
    private const int MostDepth = 64;
    private const int MostBranches = 256;

    private static readonly string[] Forms = ["$ref", "anyOf", "oneOf", "enum", "const", "type"];

    private readonly ExpressionTable _table;
    private readonly int _mostExpressions;
    private readonly List<ConstraintProblem> _problems;
    private readonly JsonElement _root;
    private readonly JsonExpressions _json;
    private readonly SchemaTypes _types;
    private readonly SchemaExclusion _exclusion = new();
    private readonly Dictionary<string, SchemaNode?> _definitions = [];
    private readonly HashSet<string> _open = []; // definitions that are being read
    private bool _tooLarge;

    /// <summary>A reader of one schema.</summary>
    /// <param name="table">Makes the expressions.</param>
    /// <param name="mostExpressions">A schema that needs more is too large.</param>
    /// <param name="root">The schema, whose texts are well-formed.</param>
    /// <param name="problems">Gets what is wrong.</param>
    public SchemaReader(ExpressionTable table, int mostExpressions, JsonElement root, List<ConstraintProblem> problems)
    {
        _table = table;
        _mostExpressions = mostExpressions;
        _root = root;
        _problems = problems;
        _json = new JsonExpressions(table);
        _types = new SchemaTypes(_json, Read);
    }

    /// <summary>Reads the schema; null when something is wrong with it.</summary>
    public SchemaNode? Read() => Read(_root, "", 1);

    private SchemaNode? Read(JsonElement schema, string pointer, int depth)
    {
        if (_tooLarge)
            return null;
        _tooLarge = _table.Count > _mostExpressions;
        var fields = new SchemaFields(schema, pointer, _problems);
        if (_tooLarge || depth > MostDepth)
        {
            fields.Refuse(_tooLarge ? "is too large from here on: use fewer or smaller parts" : $"schemas nest more than {MostDepth} deep, definitions included");
            return null;
        }

        if (schema.ValueKind != JsonValueKind.Object)
        {
            fields.Refuse("must be an object: schemas that are true or false are not supported");
            return null;
        }

        string? form = Array.Find(Forms, fields.Has);
        SchemaNode? node = form switch
        {
            "$ref" => ReadReference(fields, depth),
            "anyOf" or "oneOf" => ReadUnion(form, fields, depth),
            "enum" or "const" => ReadLiterals(form, fields),
            "type" => ReadTypes(fields, depth),
            _ => null,
        };
        if (form is null)
            fields.Refuse($"must say what is valid by one of {string.Join(", ", Forms)}");
        else
            fields.RefuseOthers();
        return node;
    }

    private SchemaNode? ReadReference(SchemaFields fields, int depth)
    {
        fields.TryRead("$ref", out JsonElement reference);
        if (reference.ValueKind != JsonValueKind.String || Definition(reference.GetString()!) is not ({ } section, { } name))
        {
            fields.Refuse("$ref", "must name a definition of this schema, as #/$defs/name");
            return null;
        }

        string target = $"/{section}/{SchemaFields.Escape(name)}";
        if (!_root.TryGetProperty(section, out JsonElement definitions) || definitions.ValueKind != JsonValueKind.Object || !definitions.TryGetProperty(name, out JsonElement definition))
        {
            fields.Refuse("$ref", "names a definition that is not there");
            return null;
        }

        if (_definitions.TryGetValue(target, out SchemaNode? known))
        {
            if (known is null || depth + known.Depth <= MostDepth)
                return known;
            fields.Refuse("$ref", $"makes schemas nest more than {MostDepth} deep");
            return null;
        }

        if (!_open.Add(target))
        {
            fields.Refuse("$ref", "leads back to itself: recursive schemas are not supported");
            return null;
        }

        SchemaNode? node = Read(definition, target, depth + 1);
        _open.Remove(target);
        return _definitions[target] = node;
    }

    private static (string Section, string Name)? Definition(string reference)
    {
        string[] parts = reference.Split('/');
        return parts is ["#", "$defs" or "definitions", _]
            ? (parts[1], Uri.UnescapeDataString(parts[2]).Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))
            : null;
    }

    private SchemaNode? ReadUnion(string form, SchemaFields fields, int depth)
    {
        fields.TryRead(form, out JsonElement list);
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is 0 or > MostBranches)
        {
            fields.Refuse(form, $"must be a list of 1 to {MostBranches} schemas");
            return null;
        }

        SchemaNode?[] branches = [.. list.EnumerateArray().Select((branch, i) => Read(branch, $"{fields.Pointer}/{form}/{i}", depth + 1))];
        if (branches.Any(branch => branch is null))
            return null;
        if (form == "oneOf")
        {
            for (int i = 0; i < branches.Length; i++)
            {
                for (int j = 0; j < i; j++)
                {
                    if (_exclusion.Exclude(branches[i]!, branches[j]!))
                        continue;
                    fields.Refuse(form, $"schemas {j} and {i} may both fit one value, or it cannot be seen that they do not: use anyOf, or let a required property tell them apart");
                    return null;
                }
            }
        }

        return new UnionNode(_table.Choice([.. branches.Select(branch => branch!.Expression)]), branches!);
    }

    private LiteralNode? ReadLiterals(string form, SchemaFields fields)
    {
        fields.TryRead(form, out JsonElement given);
        if (form == "enum" && (given.ValueKind != JsonValueKind.Array || given.GetArrayLength() == 0))
        {
            fields.Refuse(form, "must be a list of at least one value");
            return null;
        }

        JsonElement[] values = form == "enum" ? [.. given.EnumerateArray()] : [given];
        if (fields.Has("type"))
        {
            if (ReadTypeNames(fields) is not { } names)
                return null;
            if (!values.All(value => names.Any(name => SchemaTypes.Fits(value, name))))
            {
                fields.Refuse(form, "holds a value that is not of the type given beside it");
                return null;
            }
        }

        return new LiteralNode(_json.OneOf(values), values);
    }

    private SchemaNode? ReadTypes(SchemaFields fields, int depth)
    {
        if (ReadTypeNames(fields) is not { } names)
            return null;
        SchemaNode?[] nodes = [.. names.Select(name => _types.Read(name, fields, depth))];
        if (nodes.Any(node => node is null))
            return null;
        return nodes is [{ } only] ? only : new UnionNode(_table.Choice([.. nodes.Select(node => node!.Expression)]), nodes!);
    }

    private static IReadOnlyList<string>? ReadTypeNames(SchemaFields fields)
    {
        fields.TryRead("type", out JsonElement type);
        JsonElement[] given = type.ValueKind == JsonValueKind.Array ? [.. type.EnumerateArray()] : [type];
        if (given.Length > 0 && given.All(name => name.ValueKind == JsonValueKind.String && SchemaTypes.Names.Contains(name.GetString()!)))
            return [.. given.Select(name => name.GetString()!).Distinct()];
        fields.Refuse("type", $"must be one of {string.Join(", ", SchemaTypes.Names)}, or a list of them");
        return null;
    }
}
