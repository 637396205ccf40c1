using MoeLora.Models;

namespace MoeLora.Training.Adaptations;

/// <summary>Which of a model's dense layers are adapted.</summary>
public static class AdaptedModules
{
    /// <summary>The modules with one of the given names.</summary>
    /// <param name="modules">Of the model, in execution order.</param>
    /// <param name="names">Whole names or their last dotted parts; null for all modules.</param>
    /// <exception cref="ArgumentException">A name matches no module.</exception>
    public static IReadOnlyList<LinearModule> Choose(IReadOnlyList<LinearModule> modules, IReadOnlyList<string>? names)
    {
        if (names is null)
            return modules;
        string[] unknown = [.. names.Where(name => !modules.Any(module => Matches(module, name)))];
        if (unknown.Length > 0)
        {
            throw new ArgumentException(
                $"target_modules names {string.Join(", ", unknown)}, which the model has not; its dense layers are {string.Join(", ", modules.Select(m => m.ShortName).Distinct())}.");
        }
        return [.. modules.Where(module => names.Any(name => Matches(module, name)))];
    }

    private static bool Matches(LinearModule module, string name) => module.Name == name || module.Name.EndsWith("." + name, StringComparison.Ordinal);
}
