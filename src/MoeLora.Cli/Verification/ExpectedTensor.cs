using System.Globalization;
using System.Text.RegularExpressions;

namespace MoeLora.Cli.Verification;

/// <summary>What a tensor of <c>expected.safetensors</c> is, by its name.</summary>
internal abstract partial record ExpectedTensor(string Name)
{
    /// <summary>Logits of a prompt without an adapter.</summary>
    internal sealed record BaseLogits(string Name, int Prompt) : ExpectedTensor(Name);

    /// <summary>Logits of a prompt as a task, or as several composed.</summary>
    internal sealed record TaskLogits(string Name, TaskSet Tasks, int Prompt) : ExpectedTensor(Name);

    /// <summary>ω of a task; task 0 is the padding row of the task embedding.</summary>
    internal sealed record Gate(string Name, int Task) : ExpectedTensor(Name);

    /// <summary>A recovered weight.</summary>
    internal sealed record RecoveredWeight(string Name, int Task, string Module) : ExpectedTensor(Name);

    /// <summary>The gradient of the loss of the pack's batch for one expert's A or B.</summary>
    internal sealed record ExpertGradient(string Name, string Module, bool IsA, int Expert) : ExpectedTensor(Name);

    /// <summary>The same for the task embeddings or the gate's weight.</summary>
    internal sealed record GateGradient(string Name, bool IsEmbedding) : ExpectedTensor(Name);

    /// <summary>A name that means nothing here.</summary>
    internal sealed record Unknown(string Name) : ExpectedTensor(Name);

    /// <summary>Reads a name.</summary>
    public static ExpectedTensor Parse(string name)
    {
        if (Pattern().Match(name) is not { Success: true } match)
            return new Unknown(name);
        if (match.Groups["base"].Success)
            return new BaseLogits(name, Number("prompt"));
        if (match.Groups["tasks"].Success)
            return new TaskLogits(name, TaskSet.Parse(match.Groups["tasks"].Value), Number("prompt"));
        if (match.Groups["matrix"].Success)
            return new ExpertGradient(name, match.Groups["module"].Value, match.Groups["matrix"].Value == "A", Number("expert"));
        if (match.Groups["embedding"].Success || match.Groups["weight"].Success)
            return new GateGradient(name, match.Groups["embedding"].Success);
        return match.Groups["gate"].Success ? new Gate(name, Number("gate")) : new RecoveredWeight(name, Number("merged"), match.Groups["module"].Value);

        int Number(string group) => int.Parse(match.Groups[group].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(
        @"^((((?<base>base)|task(?<tasks>\d{1,6})|multihot_(?<tasks>\d{1,6}(_\d{1,6})+))\.logits\.(?<prompt>\d{1,6}))|gate\.(?<gate>\d{1,6})|merged\.task(?<merged>\d{1,6})\.(?<module>.+)"
        + @"|grad\.((?<embedding>lora_task_embedding\.weight)|(?<weight>lora_gate\.GateL\.weight)"
        + @"|base_model\.model\.(?<module>.+)\.lora_(?<matrix>[AB])\.lora\k<matrix>\.(?<expert>\d{1,6})(\.mlp)?\.weight))$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Pattern();
}
