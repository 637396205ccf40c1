using System.CommandLine;

namespace MoeLora.Cli.Options;

/// <summary>An option whose value is one of a few words; a wrong word is answered with all of them.</summary>
internal sealed class ChoiceOption<T> : Option<T>
{
    /// <param name="name">With its dashes.</param>
    /// <param name="description">For the help.</param>
    /// <param name="choices">Every word and what it means.</param>
    public ChoiceOption(string name, string description, params (string Word, T Value)[] choices)
        : base(name)
    {
        string words = string.Join('|', choices.Select(choice => choice.Word));
        Description = description;
        HelpName = words;
        CompletionSources.Add(_ => choices.Select(choice => new System.CommandLine.Completions.CompletionItem(choice.Word)));
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            foreach ((string word, T value) in choices)
            {
                if (string.Equals(word, text, StringComparison.OrdinalIgnoreCase))
                    return value;
            }

            result.AddError($"{name}: '{text}' is not one of {words.Replace("|", ", ")}.");
            return default;
        };
    }
}
