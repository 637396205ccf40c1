using System.CommandLine;
using System.Globalization;

namespace MoeLora.Cli.Options;

/// <summary>A whole number in a range.</summary>
internal sealed class NumberOption : Option<int>
{
    /// <param name="name">With its dashes.</param>
    /// <param name="description">For the help.</param>
    /// <param name="minimum">Smallest value.</param>
    /// <param name="maximum">Largest value.</param>
    /// <param name="value">The value when the option is not given; null leaves it 0, for options that are required or looked for.</param>
    public NumberOption(string name, string description, int minimum, int maximum, int? value = null)
        : base(name)
    {
        Description = description;
        HelpName = "N";
        if (value is { } preset)
            DefaultValueFactory = _ => preset;
        CustomParser = result =>
        {
            if (int.TryParse(result.Tokens[0].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) && number >= minimum && number <= maximum)
                return number;
            result.AddError($"{name}: '{result.Tokens[0].Value}' is not a whole number from {minimum} to {maximum}.");
            return 0;
        };
    }
}
