namespace MoeLora.Adapters.Export;

/// <summary>Writes one task as a plain PEFT LoRA, which other servers load.</summary>
public static class LoraExport
{
    /// <summary>
    /// Writes a directory with <c>adapter_config.json</c> and <c>adapter_model.safetensors</c>. A is the stacked A_i as it is; B carries the
    /// gate: column k of B is multiplied by the ω_i of its expert i. r and α stay, so that the reader's scaling is the same α/r and
    /// (α/r) · B' · A equals (α/r) · B · diag(ω) · A up to one rounding of each element of B.
    /// </summary>
    /// <param name="directory">Where it is to be; nothing may be there. It appears whole or not at all.</param>
    /// <param name="adapter">The adapter.</param>
    /// <param name="baseModelName">What the config names as the base model; null repeats what the adapter says, if anything.</param>
    /// <param name="tasks">One task, or several to be composed.</param>
    /// <exception cref="AdapterException">Something is already there, or it cannot be written.</exception>
    /// <exception cref="ArgumentException">No task, or one of another adapter.</exception>
    public static void Write(string directory, Adapter adapter, string? baseModelName, params ReadOnlySpan<AdapterTask> tasks)
    {
        AdapterTask[] chosen = tasks.ToArray();
        adapter.Weights(chosen); // refuse wrong tasks before anything is written
        NewDirectory.Create(directory, temporary =>
        {
            AdapterConfigFile.WriteLora(Path.Combine(temporary, "adapter_config.json"), adapter, baseModelName ?? adapter.BaseModelName);
            TensorFile.Write(Path.Combine(temporary, "adapter_model.safetensors"), AdapterTensors.OfTask(adapter, chosen));
        });
    }
}
