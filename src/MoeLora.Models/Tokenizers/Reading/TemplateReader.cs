using System.Text.Json;

namespace MoeLora.Models.Tokenizers.Reading;

/// <summary>Reads a <c>TemplateProcessing</c> post-processor: the ids before and after a single text. Pairs of texts are not encoded here.</summary>
internal static class TemplateReader
{
    /// <summary>Reads the template.</summary>
    /// <param name="step">The post-processor.</param>
    /// <param name="idOf">The id of a token, null when there is no such token.</param>
    public static (List<int> Before, List<int> After) Read(JsonFields step, Func<string, int?> idOf)
    {
        step.Ignore("pair");
        var specialTokens = ReadSpecialTokens(step, idOf);
        List<int> before = [], after = [];
        var texts = 0;
        foreach (var piece in step.Objects("single"))
        {
            if (piece.Optional("Sequence") is { } sequence)
            {
                var fields = JsonFields.Open(sequence, piece.Path("Sequence"), step.Problems);
                fields.Ignore("type_id");
                if (fields.Text("id") is not "A" and var id)
                    fields.Problem("id", $"\"{id}\" in a template for a single text: only A is");
                fields.RefuseOthers();
                texts++;
            }
            else if (piece.Object("SpecialToken") is { } fields)
            {
                fields.Ignore("type_id");
                var name = fields.Text("id");
                if (specialTokens.TryGetValue(name, out var ids))
                    (texts == 0 ? before : after).AddRange(ids);
                else
                    fields.Problem("id", $"\"{name}\" is not in special_tokens");
                fields.RefuseOthers();
            }

            piece.RefuseOthers();
        }

        if (texts != 1)
            step.Problem("single", $"has the text {texts} times, not once");
        step.RefuseOthers();
        return (before, after);
    }

    private static Dictionary<string, List<int>> ReadSpecialTokens(JsonFields step, Func<string, int?> idOf)
    {
        var specialTokens = new Dictionary<string, List<int>>(StringComparer.Ordinal);
        if (step.Required("special_tokens") is not { } element)
            return specialTokens;
        if (element.ValueKind != JsonValueKind.Object)
        {
            step.Problem("special_tokens", $"is {JsonFields.Kind(element)}, not an object");
            return specialTokens;
        }

        foreach (var member in element.EnumerateObject())
        {
            var fields = JsonFields.Open(member.Value, $"{step.Path("special_tokens")}[\"{member.Name}\"]", step.Problems);
            var ids = fields.Array("ids").Select(id => JsonFields.TryId(id, out var value) ? value : (int?)null).ToList();
            var expected = fields.Array("tokens").Select(token => JsonFields.TryText(token, out var text) ? idOf(text) : null).ToList();
            if (ids.Contains(null) || !ids.SequenceEqual(expected))
                fields.Problem("ids", "are not the ids that the vocabulary gives to tokens");
            if (fields.Text("id") != member.Name)
                fields.Problem("id", "is not the name that it is under");
            fields.RefuseOthers();
            specialTokens[member.Name] = [.. ids.OfType<int>()];
        }

        return specialTokens;
    }
}
