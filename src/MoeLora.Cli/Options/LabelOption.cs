using System.CommandLine;

namespace MoeLora.Cli.Options;

/// <summary>A name or version that follows the rules of its type; null when it is not given.</summary>
internal sealed class LabelOption<T> : Option<T?>
    where T : struct
{
    /// <param name="name">With its dashes.</param>
    /// <param name="helpName">What the help calls the value.</param>
    /// <param name="description">For the help.</param>
    /// <param name="make">Makes the value; a text that breaks its rules is a <see cref="FormatException"/>.</param>
    public LabelOption(string name, string helpName, string description, Func<string, T> make)
        : base(name)
    {
        Description = description;
        HelpName = helpName;
        CustomParser = result =>
        {
            try
            {
                return make(result.Tokens[0].Value);
            }
            catch (FormatException e)
            {
                result.AddError($"{name}: {e.Message}");
                return null;
            }
        };
    }
}
