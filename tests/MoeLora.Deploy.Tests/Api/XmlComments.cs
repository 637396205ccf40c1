using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace MoeLora.Deploy.Tests.Api;

/// <summary>The documentation comments of types and properties, as the compiler writes them beside an assembly, in Markdown.</summary>
internal sealed partial class XmlComments
{
    private readonly Dictionary<string, XElement> _members;

    public XmlComments(params IEnumerable<Assembly> assemblies) => _members = assemblies
        .SelectMany(assembly => XDocument.Load(Path.ChangeExtension(assembly.Location, ".xml")).Descendants("member"))
        .ToDictionary(member => member.Attribute("name")!.Value);

    /// <summary>What a type is; null where nothing is said.</summary>
    public string? Of(Type type) => Text(Member(type)?.Element("summary"));

    /// <summary>What a property is: its own comment, or that of the record's parameter of its name; where there is neither, the same of the type that the record's summary begins with.</summary>
    public string? Of(PropertyInfo property)
    {
        string type = Name(property.DeclaringType!);
        return Of(type, property.Name) ?? (_members.GetValueOrDefault($"T:{type}")?.Element("summary")?.Nodes().OfType<XElement>().FirstOrDefault()?.Attribute("cref")?.Value is ['T', ':', .. string spelled]
            ? Of(spelled, property.Name)
            : null);
    }

    private string? Of(string type, string property) =>
        Text(_members.GetValueOrDefault($"P:{type}.{property}")?.Element("summary"))
            ?? Text(_members.GetValueOrDefault($"T:{type}")?.Elements("param").FirstOrDefault(parameter => parameter.Attribute("name")!.Value == property));

    private XElement? Member(Type type) => _members.GetValueOrDefault($"T:{Name(type)}");

    private static string Name(Type type) => Definition(type).FullName!.Replace('+', '.');

    private static Type Definition(Type type) => type.IsGenericType ? type.GetGenericTypeDefinition() : type;

    private static string? Text(XElement? element)
    {
        if (element is null)
            return null;
        string text = string.Concat(element.Nodes().Select(node => node switch
        {
            XText plain => plain.Value,
            XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
            XElement { Name.LocalName: "see" } see => $"`{Spell(see.Attribute("cref")!.Value)}`",
            XElement other => other.Value,
            _ => "",
        }));
        return Spaces.Replace(text, " ").Trim() is { Length: > 0 } said ? said : null;
    }

    // P:MoeLora.Contracts.Overview.SiloOverview.TaskCount is what callers see as task_count; a type keeps its name.
    private static string Spell(string reference)
    {
        string name = reference[(reference.LastIndexOf('.') + 1)..];
        return reference[0] is 'P' or 'F' ? JsonNamingPolicy.SnakeCaseLower.ConvertName(name) : name;
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces { get; }
}
