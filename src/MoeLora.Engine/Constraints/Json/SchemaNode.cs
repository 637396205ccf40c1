using System.Text.Json;
using MoeLora.Engine.Constraints.Automata;

namespace MoeLora.Engine.Constraints.Json;

/// <summary>A schema that was understood.</summary>
/// <param name="Expression">Its values as they are spelled.</param>
/// <param name="Width">The most alternatives that bytes can leave open at once, at most.</param>
/// <param name="Depth">How deep schemas nest in it, itself counted.</param>
internal abstract record SchemaNode(ByteExpression Expression, int Width, int Depth);

/// <summary>Given values: <c>enum</c> and <c>const</c>, also true and false, and null.</summary>
internal sealed record LiteralNode(ByteExpression Expression, IReadOnlyList<JsonElement> Values) : SchemaNode(Expression, 1, 1);

/// <summary>Texts of a number of characters.</summary>
internal sealed record TextNode(ByteExpression Expression, int Width, int Least, int Most) : SchemaNode(Expression, Width, 1);

/// <summary>Numbers, whole or not, between bounds.</summary>
internal sealed record NumberNode(ByteExpression Expression, long Least, long Largest) : SchemaNode(Expression, 16, 1);

/// <summary>Arrays of a number of items.</summary>
internal sealed record ArrayNode(ByteExpression Expression, SchemaNode? Item, int Least, int Most)
    : SchemaNode(Expression, 1 + (Item?.Width ?? 0), 1 + (Item?.Depth ?? 0));

/// <summary>Objects.</summary>
/// <param name="Expression">As they are spelled.</param>
/// <param name="Properties">In order.</param>
/// <param name="Closed">Whether the schema forbids other properties. None are generated in either case.</param>
internal sealed record ObjectNode(ByteExpression Expression, IReadOnlyList<SchemaProperty> Properties, bool Closed)
    : SchemaNode(
        Expression,
        Math.Max(1 + LongestOptionalRun(Properties), Properties.Select(property => property.Value.Width).DefaultIfEmpty().Max()),
        1 + Properties.Select(property => property.Value.Depth).DefaultIfEmpty().Max())
{
    /// <summary>The most optional properties in a row: any of them may be the next.</summary>
    private static int LongestOptionalRun(IReadOnlyList<SchemaProperty> properties)
    {
        int longest = 0;
        int run = 0;
        foreach (SchemaProperty property in properties)
        {
            run = property.Required ? 0 : run + 1;
            longest = Math.Max(longest, run);
        }

        return longest;
    }
}

/// <summary>A property of an object.</summary>
internal sealed record SchemaProperty(string Name, SchemaNode Value, bool Required);

/// <summary>Values of any of some schemas.</summary>
internal sealed record UnionNode(ByteExpression Expression, IReadOnlyList<SchemaNode> Branches)
    : SchemaNode(
        Expression,
        (int)Math.Min(Branches.Sum(branch => (long)branch.Width), int.MaxValue),
        1 + Branches.Max(branch => branch.Depth));
