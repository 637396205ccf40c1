using MoeLora.Adapters.Bundles;
using MoeLora.Models;
using MoeLora.Models.Checkpoints;

namespace MoeLora.Adapters.Import;

/// <summary>
/// Opens an adapter directory: the MOELoRA authors' format (<c>peft_type</c> MMOELORAS or MMOELORA), a plain PEFT LoRA, or an
/// <see cref="AdapterBundle"/> (known by its <c>manifest.json</c>). Weights are <c>adapter_model.safetensors</c>, or else
/// <c>adapter_model.bin</c>.
/// </summary>
public static class AdapterReader
{
    /// <summary>The name of the config's file.</summary>
    internal const string ConfigFile = "adapter_config.json";

    /// <summary>The name of the file with the tasks' names in an adapter's directory.</summary>
    public const string TaskNamesFile = "tasks.json";

    /// <summary>Reads an adapter and checks every shape, module name and rank against the base model.</summary>
    /// <param name="path">The adapter's directory.</param>
    /// <param name="modules">The base model's <see cref="CausalModel.LinearModules"/>.</param>
    /// <param name="taskNamesFile">
    /// The authors' <c>task_dataset.json</c>, {"str2id": {name: id}}, which must name every task once. Null takes a <c>tasks.json</c> of the same
    /// form in the adapter's directory, which trained adapters have; without one each task is named by its id.
    /// Not for a bundle, which names its tasks itself.
    /// </param>
    /// <param name="baseModelHash">The base model's hash, which a bundle must have been made for; null does not compare.</param>
    /// <exception cref="AdapterException">Something does not fit; it lists all mismatches.</exception>
    public static Adapter Open(string path, IReadOnlyList<LinearModule> modules, string? taskNamesFile = null, string? baseModelHash = null) =>
        Read(path, modules, taskNamesFile, baseModelHash);

    /// <summary>
    /// Reads an adapter for inspection, without a base model: modules and their sizes are what the adapter says. Such an adapter cannot
    /// be served.
    /// </summary>
    /// <inheritdoc cref="Open"/>
    public static Adapter OpenWithoutBase(string path, string? taskNamesFile = null) => Read(path, null, taskNamesFile, null);

    private static Adapter Read(string path, IReadOnlyList<LinearModule>? modules, string? taskNamesFile, string? baseModelHash)
    {
        string subject = $"The adapter '{path}'";
        var problems = new List<string>();
        if (!Directory.Exists(path))
            throw new AdapterException(subject, [File.Exists(path) ? "it is a file; give the directory that holds adapter_config.json." : "there is no such directory."]);
        AdapterBundle? bundle = AdapterBundle.IsAt(path) ? AdapterBundle.Open(path) : null;
        BundleManifest? manifest = bundle?.Manifest;
        if (manifest is not null && baseModelHash is not null && manifest.BaseModelHash != baseModelHash)
            problems.Add($"it was made for the base model {manifest.BaseModelHash}; this one is {baseModelHash}.");
        if (manifest is not null && taskNamesFile is not null)
            problems.Add($"a bundle names its own tasks; leave out {taskNamesFile}.");

        AdapterConfig? config = AdapterConfigReader.Read(Path.Combine(path, ConfigFile), problems);
        if (config is null)
            throw new AdapterException(subject, problems);
        IReadOnlyList<AdapterTask>? tasks = manifest?.Tasks;
        if (manifest is not null && (manifest.Kind != config.Kind || manifest.Tasks.Count != config.TaskCount))
            problems.Add($"the manifest says {manifest.Kind.PeftType()} with {manifest.Tasks.Count} tasks, adapter_config.json says {config.Kind.PeftType()} with {config.TaskCount}.");
        else if (manifest is null && (taskNamesFile ?? TaskNamesBeside(path)) is { } names)
            tasks = TaskNameFile.Read(names, config.TaskCount, problems);

        try
        {
            using Checkpoint checkpoint = Checkpoint.OpenAdapter(path);
            Adapter? adapter = BankReader.Read(checkpoint, config, modules, tasks, problems);
            if (adapter is not null && problems.Count == 0)
                return bundle is null ? adapter : adapter.From(bundle);
        }
        catch (CheckpointException e)
        {
            problems.Add(e.Message);
        }

        throw new AdapterException(subject, problems);
    }

    private static string? TaskNamesBeside(string path) => Path.Combine(path, TaskNamesFile) is var file && File.Exists(file) ? file : null;
}
