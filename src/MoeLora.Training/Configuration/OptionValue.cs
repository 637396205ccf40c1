using System.Globalization;

namespace MoeLora.Training.Configuration;

/// <summary>How a value was written.</summary>
public enum ValueForm
{
    /// <summary>In a file, without quotes: a number, true, null or text.</summary>
    Plain,

    /// <summary>In a file, with quotes: text.</summary>
    Quoted,

    /// <summary>In a file, as a list.</summary>
    List,

    /// <summary>On the command line, where everything is text; lists have commas.</summary>
    Flag,
}

/// <summary>A value as it was written.</summary>
/// <param name="Form">Where and how.</param>
/// <param name="Items">One text, or those of a list.</param>
public sealed record OptionValue(ValueForm Form, IReadOnlyList<string> Items)
{
    /// <summary>A value of the command line.</summary>
    public static OptionValue OfFlag(string text) => new(ValueForm.Flag, [text]);

    internal string Text => Form == ValueForm.List ? $"[{string.Join(", ", Items)}]" : Form == ValueForm.Quoted ? $"\"{Items[0]}\"" : Items[0];

    /// <summary>The text of a number or a word such as true; null when this is text in quotes or a list.</summary>
    internal string? Bare => Form is ValueForm.Plain or ValueForm.Flag ? Items[0] : null;

    /// <summary>Whether it stands for no value.</summary>
    internal bool IsNone => Bare is "null" or "~" or "" or "none";

    /// <summary>Whether YAML takes it for something else than text.</summary>
    internal bool IsNoText => Form == ValueForm.List
        || (Form == ValueForm.Plain && (Items[0] is "" or "~" or "null" or "true" or "false" || double.TryParse(Items[0], NumberStyles.Float, CultureInfo.InvariantCulture, out _)));
}
