using System.Text.Json;

namespace MoeLora.Engine.Constraints.Json;

/// <summary>
/// Shows that no value fits two schemas at once, which is what <c>oneOf</c> needs: to forbid values that fit both is beyond the automata
/// here. What it does not see it takes for an overlap, also when it would take too many comparisons.
/// </summary>
internal sealed class SchemaExclusion
{
    private readonly Dictionary<(SchemaNode, SchemaNode), bool> _known = [];
    private long _comparisonsLeft = 2_000_000;

    /// <summary>Whether no value can fit both.</summary>
    public bool Exclude(SchemaNode a, SchemaNode b)
    {
        if (!_known.TryGetValue((a, b), out bool exclude))
            _known[(a, b)] = exclude = Find(a, b);
        return exclude;
    }

    private bool Find(SchemaNode a, SchemaNode b) => (a, b) switch
    {
        (UnionNode union, _) => union.Branches.All(branch => Exclude(branch, b)),
        (_, UnionNode union) => union.Branches.All(branch => Exclude(a, branch)),
        (LiteralNode x, LiteralNode y) => Afford(x.Values.Count, y.Values.Count) && !x.Values.Any(value => y.Values.Any(other => JsonElement.DeepEquals(value, other))),
        (LiteralNode literals, _) => literals.Values.All(value => Kind(value) != Kind(b)),
        (_, LiteralNode literals) => literals.Values.All(value => Kind(value) != Kind(a)),
        (TextNode x, TextNode y) => x.Most < y.Least || y.Most < x.Least,
        (NumberNode x, NumberNode y) => x.Largest < y.Least || y.Largest < x.Least,
        (ArrayNode x, ArrayNode y) => x.Most < y.Least || y.Most < x.Least || (x.Least > 0 && y.Least > 0 && Exclude(x.Item!, y.Item!)),
        (ObjectNode x, ObjectNode y) => Afford(x.Properties.Count, y.Properties.Count) && (Requires(x, y) || Requires(y, x)),
        _ => Kind(a) != Kind(b),
    };

    /// <summary>Whether <paramref name="a"/> requires a property that keeps its objects out of <paramref name="b"/>.</summary>
    private bool Requires(ObjectNode a, ObjectNode b) => a.Properties.Where(property => property.Required).Any(property =>
        b.Properties.FirstOrDefault(other => other.Name == property.Name) is { } other ? Exclude(property.Value, other.Value) : b.Closed);

    private bool Afford(int left, int right) => (_comparisonsLeft -= (long)left * right) >= 0;

    private static JsonValueKind Kind(SchemaNode node) => node switch
    {
        TextNode => JsonValueKind.String,
        NumberNode => JsonValueKind.Number,
        ArrayNode => JsonValueKind.Array,
        _ => JsonValueKind.Object,
    };

    private static JsonValueKind Kind(JsonElement value) => value.ValueKind;
}
