using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;
using MoeLora.Contracts;

namespace MoeLora.Cli.Generation;

/// <summary>The options that say how tokens are chosen and what ends an answer.</summary>
internal sealed class SamplingOptions
{
    private readonly Option<int> _maxNewTokens = new("--max-new-tokens")
    {
        Description = "Most tokens to generate.",
        HelpName = "N",
        Required = true,
        CustomParser = result => Parse<int>(result, "--max-new-tokens", "a whole number of 32 bits"),
    };
    private readonly Option<double> _temperature = Number("--temperature", "0 takes the likeliest token each time (default); up to 2 draws ever more freely.", 0);
    private readonly Option<double> _topP = Number("--top-p", "Draw from the smallest set of likeliest tokens whose probabilities reach this; 1 is off.", 1);
    private readonly Option<int> _topK = new("--top-k")
    {
        Description = "Draw from this many likeliest tokens; 0 is off.",
        HelpName = "N",
        CustomParser = result => Parse<int>(result, "--top-k", "a whole number of 32 bits"),
    };
    private readonly Option<double> _repetitionPenalty = Number("--repetition-penalty", "Above 1 makes tokens that are already there less likely; 1 is off.", 1);
    private readonly Option<long?> _seed = new("--seed")
    {
        Description = "Makes the draws repeatable; chosen and told by default.",
        HelpName = "N",
        CustomParser = result => Parse<long>(result, "--seed", "a whole number of 64 bits"),
    };
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
        CustomParser = result => Parse<double>(result, name, "a number"),
    };

    // The usual parser's message names .NET's types.
    private static T Parse<T>(ArgumentResult result, string name, string what)
        where T : struct, INumber<T>
    {
        string text = result.Tokens[0].Value;
        NumberStyles style = typeof(T) == typeof(double) ? NumberStyles.Float : NumberStyles.AllowLeadingSign;
        if (!T.TryParse(text, style, CultureInfo.InvariantCulture, out T number))
            result.AddError($"{name}: '{text}' is not {what}.");
        return number;
    }
}
