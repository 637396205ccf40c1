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
        foreach (var (element, where) in step.Array("single"))
        {
            var piece = JsonFields.Open(element, where, step.Problems);
            if (piece.Optional("Sequence") is { } sequence)
            {
                var fields = JsonFields.Open(sequence, piece.Path("Sequence"), step.Problems);
                fields.Ignore("type_id");
                if (fields.Text("id") is not "A" and var id)
                    fields.Problem("id", $"\"{id}\" in a template for a single text: only A is");
                fields.RefuseOthers();
                texts++;
            }
            else if (piece.Required("SpecialToken") is { } special)
            {
                var fields = JsonFields.Open(special, piece.Path("SpecialToken"), step.Problems);
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

        foreach (var (name, value) in JsonFields.Members(element, step.Path("special_tokens"), step.Problems))
        {
            var fields = JsonFields.Open(value, $"{step.Path("special_tokens")}[\"{name}\"]", step.Problems);
            var ids = fields.Array("ids").Select(item => JsonFields.Id(item.Element, item.Where, step.Problems)).ToList();
            var tokens = fields.Array("tokens").Select(item => JsonFields.TryText(item.Element, out var text) ? text : null).ToList();
            if (ids.Count != tokens.Count || ids.Where((id, index) => tokens[index] is not { } token || id is null || idOf(token) != id).Any())
                fields.Problem("ids", "are not the ids that the vocabulary gives to tokens");
            if (fields.Text("id") is var id2 && id2 != name)
                fields.Problem("id", $"\"{id2}\" is under another name");
            fields.RefuseOthers();
            specialTokens[name] = [.. ids.OfType<int>()];
        }

        return specialTokens;
    }
}
