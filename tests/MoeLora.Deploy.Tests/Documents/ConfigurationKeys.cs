using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using MoeLora.Silo;

namespace MoeLora.Deploy.Tests.Documents;

/// <summary>Every key of a configuration file, from the records that it is read into.</summary>
internal static class ConfigurationKeys
{
    /// <summary>All keys that hold a value, such as <c>bases[].threads</c>, with their defaults.</summary>
    public static IReadOnlyDictionary<string, ConfigurationKey> All { get; } = Of(typeof(SiloSettings), "", new SiloSettings { State = "", Bases = [] }).ToDictionary(key => key.Path);

    /// <summary>Whether there is a key, or keys below it.</summary>
    public static bool Contains(string path) =>
        All.Keys.Any(key => key == path || key == path + "[]" || key.StartsWith(path + ".", StringComparison.Ordinal) || key.StartsWith(path + "[].", StringComparison.Ordinal));

    /// <summary>Keys of a configuration that is read that there are not.</summary>
    public static IEnumerable<string> Unknown(object? value, string path = "") => value switch
    {
        Dictionary<string, object?> map => map.SelectMany(member => Below(path, member.Key) is var key && Contains(key) ? Unknown(member.Value, key) : [key]),
        List<object?> list => list.SelectMany(item => Unknown(item, path + "[]")),
        _ => [],
    };

    private static IEnumerable<ConfigurationKey> Of(Type type, string path, object? defaults)
    {
        foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            string key = Below(path, JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
            object? value = defaults is null ? null : property.GetValue(defaults);
            bool required = property.GetCustomAttribute<RequiredMemberAttribute>() is not null;
            Type held = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (held.Namespace!.StartsWith("MoeLora", StringComparison.Ordinal))
            {
                foreach (ConfigurationKey below in Of(held, key, value ?? Activator.CreateInstance(held)))
                    yield return below;
            }
            else if (held.IsGenericType && held.GetGenericArguments()[0] is { } item && item.Namespace!.StartsWith("MoeLora", StringComparison.Ordinal))
            {
                foreach (ConfigurationKey below in Of(item, key + "[]", Activator.CreateInstance(item)))
                    yield return below;
            }
            else
                yield return new ConfigurationKey(key, required, value is null || (required && path.Length == 0) ? null : Text(value));
        }
    }

    private static string Below(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private static string Text(object value) => value switch
    {
        bool flag => flag ? "true" : "false",
        string text => text,
        IEnumerable list => $"[{string.Join(", ", list.Cast<object>().Select(Text))}]",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}

/// <summary>A key.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="IsRequired">Whether it must be there, where what holds it is.</param>
/// <param name="Default">As a configuration would say it; null for none.</param>
internal sealed record ConfigurationKey(string Path, bool IsRequired, string? Default);
