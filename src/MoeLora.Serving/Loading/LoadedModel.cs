using MoeLora.Adapters.Experts;
using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Models.Checkpoints;
using MoeLora.Models.Tokenizers;
using MoeLora.Serving.Tasks;

namespace MoeLora.Serving.Loading;

/// <summary>All that a ready grid answers from, and owns. Disposed on the model's thread.</summary>
internal sealed record LoadedModel(
    CausalModel Base,
    string BaseHash,
    TokenizerLoad Tokenizer,
    string? AdapterHash,
    DeviceBank? Bank,
    Checkpoint? Published,
    TaskCatalog Catalog,
    Generator Generator) : IDisposable
{
    public void Dispose()
    {
        foreach (ServedTask task in Catalog.Tasks)
            task.Dispose();
        Generator.Dispose();
        Bank?.Dispose();
        Base.Dispose();
        Published?.Dispose();
    }
}
