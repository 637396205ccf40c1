using MoeLora.Models.Tokenizers.Splitting;

namespace MoeLora.Models.Tokenizers.Reading;

/// <summary>Reads what is done to text around the model: normalizer, pre-tokenizer, post-processor and decoder.</summary>
internal static class TextStepsReader
{
    /// <summary>Whether text is normalised to form C: <c>null</c>, <c>NFC</c>, or a <c>Sequence</c> of these.</summary>
    public static bool ReadNormalizer(JsonFields root)
    {
        var nfc = false;
        foreach (var (step, type) in Steps(root, "normalizer", "normalizers"))
        {
            if (type != "NFC")
            {
                step.Problem("type", $"normalizer \"{type}\" is not supported: only NFC is");
                continue;
            }

            nfc = true;
            step.RefuseOthers();
        }

        return nfc;
    }

    /// <summary>How text is cut: any number of <c>Split</c>, then one <c>ByteLevel</c>.</summary>
    public static PreTokenizer ReadPreTokenizer(JsonFields root)
    {
        var splits = new List<SplitPattern>();
        PreTokenizer? result = null;
        foreach (var (step, type) in Steps(root, "pre_tokenizer", "pretokenizers"))
        {
            if (result is not null)
                step.Problem("type", $"\"{type}\" comes after ByteLevel, which has to be last");
            switch (type)
            {
                case "Split":
                    if (ReadSplit(step) is { } split)
                        splits.Add(split);
                    step.RefuseOthers();
                    break;
                case "ByteLevel":
                    step.Ignore("trim_offsets");
                    var last = step.Flag("use_regex", whenMissing: true) ? Gpt2SplitPattern.Instance : null;
                    result = new PreTokenizer(splits, step.Flag("add_prefix_space"), last);
                    step.RefuseOthers();
                    break;
                default:
                    step.Problem("type", $"pre-tokenizer \"{type}\" is not supported: only Split and ByteLevel are");
                    break;
            }
        }

        if (result is null)
            root.Problem("pre_tokenizer", "has no ByteLevel step");
        return result ?? new PreTokenizer(splits, false, null);
    }

    /// <summary>Ids put around a text: <c>TemplateProcessing</c> puts some, <c>ByteLevel</c> none; in a <c>Sequence</c> later ones go outside.</summary>
    /// <param name="root">The file.</param>
    /// <param name="idOf">The id of a token, null when there is no such token.</param>
    public static (IReadOnlyList<int> Prefix, IReadOnlyList<int> Suffix) ReadPostProcessor(JsonFields root, Func<string, int?> idOf)
    {
        List<int> prefix = [], suffix = [];
        foreach (var (step, type) in Steps(root, "post_processor", "processors"))
        {
            switch (type)
            {
                case "ByteLevel":
                    step.Ignore("add_prefix_space", "trim_offsets", "use_regex"); // they matter for offsets only
                    step.RefuseOthers();
                    break;
                case "TemplateProcessing":
                    var (before, after) = TemplateReader.Read(step, idOf);
                    prefix.InsertRange(0, before);
                    suffix.AddRange(after);
                    break;
                default:
                    step.Problem("type", $"post-processor \"{type}\" is not supported: only ByteLevel and TemplateProcessing are");
                    break;
            }
        }

        return (prefix, suffix);
    }

    /// <summary>Checks that ids are decoded by <c>ByteLevel</c>.</summary>
    public static void ReadDecoder(JsonFields root)
    {
        if (root.Object("decoder") is not { } decoder)
            return;
        if (decoder.Text("type") is not "ByteLevel" and var type)
        {
            decoder.Problem("type", $"decoder \"{type}\" is not supported: only ByteLevel is");
            return;
        }

        decoder.Ignore("add_prefix_space", "trim_offsets", "use_regex"); // decoding does not use them
        decoder.RefuseOthers();
    }

    private static SplitPattern? ReadSplit(JsonFields step)
    {
        var behavior = step.Text("behavior");
        var invert = step.Flag("invert");

        // A known pattern leaves nothing between its matches, so that to isolate them is to keep what is not "between" them.
        if (behavior != "Isolated" && !(behavior == "Removed" && invert))
            step.Problem("behavior", $"\"{behavior}\" with invert {(invert ? "true" : "false")} is not supported: only Isolated, or Removed with invert true, is");
        if (step.Object("pattern") is not { } pattern)
            return null;
        var text = pattern.Text("Regex");
        pattern.RefuseOthers();
        var split = SplitPattern.Known.FirstOrDefault(known => known.Text == text);
        if (split is null)
            pattern.Problem("Regex", $"the split pattern {text} is not one of those known (GPT-2's, Qwen2's, Llama 3's)");
        return split;
    }

    /// <summary>The steps of a field that is null, one step, or a sequence of steps, nested or not.</summary>
    private static List<(JsonFields Step, string Type)> Steps(JsonFields root, string name, string sequenceField)
    {
        var steps = new List<(JsonFields Step, string Type)>();
        if (root.Optional(name) is { } value)
            Add(JsonFields.Open(value, root.Path(name), root.Problems));
        return steps;

        void Add(JsonFields step)
        {
            var type = step.Text("type");
            if (type != "Sequence")
            {
                steps.Add((step, type));
                return;
            }

            foreach (var inner in step.Objects(sequenceField))
                Add(inner);
            step.RefuseOthers();
        }
    }
}
