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

    /// <summary>What a property is: its own comment, or that of the record's parameter of its name.</summary>
    public string? Of(PropertyInfo property)
    {
        Type type = Definition(property.DeclaringType!);
        return Text(_members.GetValueOrDefault($"P:{type.FullName!.Replace('+', '.')}.{property.Name}")?.Element("summary"))
            ?? Text(Member(type)?.Elements("param").FirstOrDefault(parameter => parameter.Attribute("name")!.Value == property.Name));
    }

    private XElement? Member(Type type) => _members.GetValueOrDefault($"T:{Definition(type).FullName!.Replace('+', '.')}");

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
