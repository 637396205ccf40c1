using System.CommandLine;
using System.Globalization;

namespace MoeLora.Cli.Options;

/// <summary>A decimal number in a range.</summary>
internal sealed class DecimalOption : Option<double>
{
    /// <param name="name">With its dashes.</param>
    /// <param name="description">For the help.</param>
    /// <param name="minimum">Smallest value.</param>
    /// <param name="maximum">Largest value.</param>
    /// <param name="value">The value when the option is not given.</param>
    public DecimalOption(string name, string description, double minimum, double maximum, double value)
        : base(name)
    {
        Description = description;
        HelpName = "X";
        DefaultValueFactory = _ => value;
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number >= minimum && number <= maximum)
                return number;
            result.AddError(FormattableString.Invariant($"{name}: '{text}' is not a number from {minimum} to {maximum}."));
            return 0;
        };
    }
}
