using System.Text.RegularExpressions;
using MoeLora.Models;

namespace MoeLora.Adapters.Import;

/// <summary>Which modules an <c>adapter_config.json</c> says it adapts: a list of names, or one pattern.</summary>
internal sealed class TargetModules
{
    private const int MaxPatternLength = 1000;

    private readonly string[] _names;
    private readonly Regex? _pattern;
    private readonly bool _all;
    private readonly bool _plainSuffix;

    private TargetModules(string[] names, Regex? pattern, bool all, bool plainSuffix)
    {
        _names = names;
        _pattern = pattern;
        _all = all;
        _plainSuffix = plainSuffix;
    }

    /// <summary>
    /// A list of names. PEFT matches a whole module name or its last dotted parts; the MOELoRA authors' fork matches any ending
    /// of the name (<paramref name="plainSuffix"/>).
    /// </summary>
    public static TargetModules OfNames(IEnumerable<string> names, bool plainSuffix) => new([.. names], null, false, plainSuffix);

    /// <summary>PEFT's string form: <c>all-linear</c>, or a regular expression that a full module name must match.</summary>
    /// <exception cref="FormatException">The pattern is invalid, or of a kind whose time is not bounded.</exception>
    public static TargetModules OfPattern(string pattern)
    {
        if (pattern == "all-linear")
            return new TargetModules([], null, true, false);
        if (pattern.Length > MaxPatternLength)
            throw new FormatException($"target_modules is a pattern of {pattern.Length} characters; at most {MaxPatternLength} are matched. Write a list of module names instead.");
        // Nested counts make a short pattern a machine of billions of states, which even the linear engine does not finish.
        if (pattern.Contains('{'))
            throw new FormatException($"target_modules is the pattern '{pattern}'; counts in braces are not matched. Write a list of module names instead.");
        try
        {
            // A config is untrusted: only the engine whose time is linear in the name may run its pattern.
            return new TargetModules([], new Regex($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant), false, false);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new FormatException($"target_modules is the pattern '{pattern}', which cannot be matched: {e.Message} Write a list of module names instead.", e);
        }
    }

    /// <summary>Whether the module is adapted.</summary>
    public bool Match(string module) => _all || (_pattern?.IsMatch(module) ?? _names.Any(name => Match(name, module)));

    /// <summary>Names in the list that match none of <paramref name="modules"/>; for a pattern, the pattern itself when nothing matches.</summary>
    public IEnumerable<string> WithoutMatch(IReadOnlyList<LinearModule> modules)
    {
        if (_pattern is not null && !modules.Any(m => _pattern.IsMatch(m.Name)))
            return [_pattern.ToString()];
        return _names.Where(name => !modules.Any(m => Match(name, m.Name)));
    }

    /// <summary>
    /// The shortest list for exactly <paramref name="adapted"/>: short names when no other module of <paramref name="all"/> ends like
    /// one of them, else full names.
    /// </summary>
    public static IReadOnlyList<string> Describe(IReadOnlyList<LinearModule> adapted, IReadOnlyList<LinearModule> all)
    {
        string[] shortNames = [.. adapted.Select(m => m.ShortName).Distinct(StringComparer.Ordinal)];
        bool exact = all.Count(m => shortNames.Any(name => m.Name.EndsWith(name, StringComparison.Ordinal))) == adapted.Count;
        return exact ? shortNames : [.. adapted.Select(m => m.Name)];
    }

    private bool Match(string name, string module) =>
        module.EndsWith(name, StringComparison.Ordinal)
        && (_plainSuffix || module.Length == name.Length || module[module.Length - name.Length - 1] == '.');
}
