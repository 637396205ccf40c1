namespace MoeLora.Adapters.Export;

/// <summary>Writes an adapter in the published format, without the manifest that makes a bundle of it.</summary>
public static class AdapterDirectory
{
    /// <summary>
    /// Writes a directory with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>, which <see cref="Import.AdapterReader"/> reads. It
    /// holds what is used, each tensor once, and names no tasks.
    /// </summary>
    /// <param name="directory">Where it is to be; nothing may be there. It appears whole or not at all.</param>
    /// <param name="adapter">What it holds.</param>
    /// <exception cref="AdapterException">Something is already there, or it cannot be written.</exception>
    public static void Write(string directory, Adapter adapter) => NewDirectory.Create(directory, temporary =>
    {
        AdapterConfigFile.Write(Path.Combine(temporary, "adapter_config.json"), adapter);
        TensorFile.Write(Path.Combine(temporary, "adapter_model.safetensors"), AdapterTensors.Of(adapter));
    });
}
