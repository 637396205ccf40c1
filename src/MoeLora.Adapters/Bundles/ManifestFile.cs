using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using MoeLora.Adapters.Import;

namespace MoeLora.Adapters.Bundles;

/// <summary>Reads and writes <c>manifest.json</c>. Every key must be there, and no other.</summary>
internal static class ManifestFile
{
    // Task names in Chinese stay readable; nothing embeds this file in HTML.
    private static readonly JsonWriterOptions Readable = new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly string[] Keys =
        ["format_version", "name", "version", "kind", "base_model_hash", "tasks", "files", "content_hash"];

    public static void Write(string path, BundleManifest manifest)
    {
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        using (var json = new Utf8JsonWriter(file, Readable))
        {
            json.WriteStartObject();
            json.WriteNumber("format_version", manifest.FormatVersion);
            json.WriteString("name", manifest.Name.ToString());
            json.WriteString("version", manifest.Version.ToString());
            json.WriteString("kind", manifest.Kind.PeftType());
            json.WriteString("base_model_hash", manifest.BaseModelHash);
            json.WriteStartObject("tasks");
            foreach (AdapterTask task in manifest.Tasks)
                json.WriteString(task.Id.ToString(CultureInfo.InvariantCulture), task.Name.ToString());
            json.WriteEndObject();
            json.WriteStartObject("files");
            foreach (BundleFile entry in manifest.Files)
            {
                json.WriteStartObject(entry.Name);
                json.WriteNumber("size", entry.Size);
                json.WriteString("sha256", entry.Sha256);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteString("content_hash", manifest.ContentHash.ToString());
            json.WriteEndObject();
        }

        file.Flush(flushToDisk: true);
    }

    /// <summary>Reads and checks the manifest itself; null after adding to <paramref name="problems"/>.</summary>
    public static BundleManifest? Read(string path, List<string> problems)
    {
        int before = problems.Count;
        try
        {
            using JsonDocument document = JsonFile.Read(path);
            JsonElement root = document.RootElement;
            problems.AddRange(Keys.Where(k => !root.TryGetProperty(k, out _)).Select(k => $"manifest.json: {k} is missing."));
            problems.AddRange(root.EnumerateObject().Where(p => !Keys.Contains(p.Name)).Select(p => $"manifest.json: the key {p.Name} is not known."));
            if (problems.Count > before)
                return null;
            if (root.GetProperty("format_version") is not { ValueKind: JsonValueKind.Number } format || !format.TryGetInt32(out int number) || number is not (1 or 2))
            {
                problems.Add($"manifest.json: format_version is {root.GetProperty("format_version").GetRawText()}; this program reads 1 and 2.");
                return null;
            }

            BundleManifest? manifest = Read(root, number, problems);
            if (manifest is not null && root.GetProperty("content_hash") is var hash && Text(hash) != manifest.ContentHash.ToString())
                problems.Add($"manifest.json: content_hash is {hash.GetRawText()}, but its contents hash to {manifest.ContentHash}: it was changed after it was written.");
            return problems.Count == before ? manifest : null;
        }
        catch (FormatException e)
        {
            problems.Add(e.Message);
            return null;
        }
    }

    private static BundleManifest? Read(JsonElement root, int formatVersion, List<string> problems)
    {
        int before = problems.Count;
        if (!AdapterName.TryParse(Text(root.GetProperty("name")), out AdapterName name))
            problems.Add("manifest.json: name: " + Label.Rule("name"));
        if (!AdapterVersion.TryParse(Text(root.GetProperty("version")), out AdapterVersion version))
            problems.Add("manifest.json: version: " + Label.Rule("version"));
        AdapterKind? kind = AdapterKinds.OfPeftType(Text(root.GetProperty("kind")));
        if (kind is null)
            problems.Add($"manifest.json: kind is {root.GetProperty("kind").GetRawText()}; MMOELORAS, MMOELORA and LORA are known.");
        string? baseHash = Text(root.GetProperty("base_model_hash"));
        if (!BundleManifest.IsBaseModelHash(baseHash))
            problems.Add($"manifest.json: base_model_hash is {root.GetProperty("base_model_hash").GetRawText()}, not 64 lower-case hexadecimal digits.");
        List<AdapterTask> tasks = ReadTasks(root.GetProperty("tasks"), problems);
        List<BundleFile> files = ReadFiles(root.GetProperty("files"), formatVersion, problems);
        return problems.Count == before ? new BundleManifest(name, version, kind!.Value, baseHash!, tasks, files) : null;
    }

    private static List<AdapterTask> ReadTasks(JsonElement element, List<string> problems)
    {
        var tasks = new List<AdapterTask>();
        if (element.ValueKind != JsonValueKind.Object)
        {
            problems.Add("manifest.json: tasks is not an object of ids and names.");
            return tasks;
        }

        foreach (JsonProperty entry in element.EnumerateObject())
        {
            if (int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && TaskName.TryParse(Text(entry.Value), out TaskName name))
                tasks.Add(new AdapterTask(id, name));
            else
                problems.Add($"manifest.json: tasks: \"{entry.Name}\": {entry.Value.GetRawText()} is not a task id and its name.");
        }

        tasks.Sort((x, y) => x.Id.CompareTo(y.Id));
        problems.AddRange(Adapter.TaskFaults(tasks).Select(fault => "manifest.json: " + fault));
        return tasks;
    }

    private static List<BundleFile> ReadFiles(JsonElement element, int formatVersion, List<string> problems)
    {
        var files = new List<BundleFile>();
        if (element.ValueKind != JsonValueKind.Object)
        {
            problems.Add("manifest.json: files is not an object of names.");
            return files;
        }

        foreach (JsonProperty entry in element.EnumerateObject())
        {
            JsonElement value = entry.Value;
            if (value.ValueKind == JsonValueKind.Object && value.GetPropertyCount() == 2
                && value.TryGetProperty("size", out JsonElement size) && size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out long bytes) && bytes >= 0
                && value.TryGetProperty("sha256", out JsonElement hash) && Text(hash) is { } hex && BundleHash.IsSha256(hex))
                files.Add(new BundleFile(entry.Name, bytes, hex));
            else
                problems.Add($"manifest.json: files: '{entry.Name}' needs a size and a sha256 of 64 lower-case hexadecimal digits, and nothing else.");
        }

        files.Sort((x, y) => string.CompareOrdinal(x.Name, y.Name));
        string[] names = [.. files.Select(f => f.Name)];
        string[] known = AdapterBundle.ContentFiles(formatVersion);
        foreach (string wanted in known.Except(names))
            problems.Add($"manifest.json: files: {wanted} is missing.");
        foreach (string stray in names.Except(known))
            problems.Add($"manifest.json: files: '{stray}' is no file of a bundle of format {formatVersion}.");
        return files;
    }

    private static string? Text(JsonElement element) => element.ValueKind == JsonValueKind.String ? element.GetString() : null;
}
