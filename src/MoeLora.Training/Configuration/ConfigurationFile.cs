using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace MoeLora.Training.Configuration;

/// <summary>A line of a configuration file.</summary>
/// <param name="Key">The option's key.</param>
/// <param name="Value">Its value.</param>
/// <param name="Line">From 1.</param>
internal sealed record ConfigurationEntry(string Key, OptionValue Value, long Line);

/// <summary>Reads a file of keys with texts, numbers and flat lists: YAML, or JSON, which is YAML.</summary>
internal static class ConfigurationFile
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The file's entries, in order.</summary>
    /// <param name="path">The file.</param>
    /// <param name="problems">Gets everything that is wrong with its form, each with file and line.</param>
    public static IReadOnlyList<ConfigurationEntry> Read(string path, List<string> problems)
    {
        var entries = new List<ConfigurationEntry>();
        Parser? parser = null;
        try
        {
            parser = new Parser(new StringReader(File.ReadAllText(path, Strict)));
            Read(parser, path, entries, problems);
        }
        catch (YamlException e)
        {
            problems.Add($"{path}:{e.Start.Line}: neither YAML nor JSON: {e.Message}");
        }
        catch (InvalidOperationException)
        {
            // What the parser throws for a bracket that closes nothing.
            problems.Add($"{path}:{parser?.Current?.End.Line ?? 1}: neither YAML nor JSON: a bracket or brace in this line or the next is not expected.");
        }
        catch (DecoderFallbackException)
        {
            problems.Add($"{path}: it is not UTF-8; save it as UTF-8.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problems.Add($"{path}: it cannot be read: {e.Message}");
        }

        return entries;
    }

    private static void Read(Parser parser, string path, List<ConfigurationEntry> entries, List<string> problems)
    {
        parser.Consume<StreamStart>();
        if (!parser.TryConsume<DocumentStart>(out _))
            return;
        if (!parser.TryConsume<MappingStart>(out _))
        {
            problems.Add($"{path}:{parser.Current!.Start.Line}: a configuration is made of lines KEY: VALUE, or of one JSON object.");
            return;
        }

        var lines = new Dictionary<string, long>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            long line = parser.Current!.Start.Line;
            string? key = parser.TryConsume<Scalar>(out Scalar? scalar) ? scalar.Value : null;
            if (key is null)
                parser.SkipThisAndNestedEvents();
            OptionValue? value = ReadValue(parser);
            if (key is null)
                problems.Add($"{path}:{line}: a key must be a word.");
            else if (value is null)
                problems.Add($"{path}:{line}: {key} must be one value or a list of values.");
            else if (!lines.TryAdd(key, line))
                problems.Add($"{path}:{line}: {key} is also in line {lines[key]}.");
            else
                entries.Add(new ConfigurationEntry(key, value, line));
        }

        parser.Consume<DocumentEnd>();
        if (parser.Accept<DocumentStart>(out DocumentStart? second))
            problems.Add($"{path}:{second.Start.Line}: a second document; a configuration is one.");
    }

    /// <summary>A text or a flat list of texts; null for anything else, which is passed over.</summary>
    private static OptionValue? ReadValue(Parser parser)
    {
        if (parser.TryConsume<Scalar>(out Scalar? scalar))
            return new OptionValue(scalar.Style == ScalarStyle.Plain ? ValueForm.Plain : ValueForm.Quoted, [scalar.Value]);
        if (!parser.TryConsume<SequenceStart>(out _))
        {
            parser.SkipThisAndNestedEvents();
            return null;
        }

        bool isFlat = true;
        var items = new List<string>();
        while (!parser.TryConsume<SequenceEnd>(out _))
        {
            if (parser.TryConsume<Scalar>(out Scalar? item))
            {
                items.Add(item.Value);
                continue;
            }

            parser.SkipThisAndNestedEvents();
            isFlat = false;
        }

        return isFlat ? new OptionValue(ValueForm.List, items) : null;
    }
}
