using System.CommandLine;
using System.Globalization;
using MoeLora.Contracts;

namespace MoeLora.Cli.Generation;

/// <summary>The options that say how tokens are chosen and what ends an answer.</summary>
internal sealed class SamplingOptions
{
    private readonly Option<int> _maxNewTokens = new("--max-new-tokens") { Description = "Most tokens to generate.", HelpName = "N", Required = true };
    private readonly Option<double> _temperature = Number("--temperature", "0 takes the likeliest token each time (default); up to 2 draws ever more freely.", 0);
    private readonly Option<double> _topP = Number("--top-p", "Draw from the smallest set of likeliest tokens whose probabilities reach this; 1 is off.", 1);
    private readonly Option<int> _topK = new("--top-k") { Description = "Draw from this many likeliest tokens; 0 is off.", HelpName = "N" };
    private readonly Option<double> _repetitionPenalty = Number("--repetition-penalty", "Above 1 makes tokens that are already there less likely; 1 is off.", 1);
    private readonly Option<long?> _seed = new("--seed") { Description = "Makes the draws repeatable; chosen and told by default.", HelpName = "N" };
    private readonly Option<string[]> _stop = new("--stop") { Description = "A text that ends the answer and is no part of it; up to 4 times.", HelpName = "TEXT" };

    /// <summary>Offers the options.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_maxNewTokens, _temperature, _topP, _topK, _repetitionPenalty, _seed, _stop])
            command.Add(option);
    }

    /// <summary>The request; its problems are <see cref="GenerationRequest.FindProblems"/>.</summary>
    public GenerationRequest Read(ParseResult parsed, ModelRef model, Prompt prompt) => new()
    {
        Model = model,
        Prompt = prompt,
        MaxTokens = parsed.GetValue(_maxNewTokens),
        Temperature = parsed.GetValue(_temperature),
        TopP = parsed.GetValue(_topP),
        TopK = parsed.GetValue(_topK),
        RepetitionPenalty = parsed.GetValue(_repetitionPenalty),
        Seed = parsed.GetValue(_seed),
        Stop = parsed.GetValue(_stop) ?? [],
        ReturnTokenIds = true,
    };

    private static Option<double> Number(string name, string description, double value) => new(name)
    {
        Description = description,
        HelpName = "X",
        DefaultValueFactory = _ => value,
        CustomParser = result =>
        {
            if (double.TryParse(result.Tokens[0].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number))
                return number;
            result.AddError($"{name}: '{result.Tokens[0].Value}' is not a number.");
            return value;
        },
    };
}
