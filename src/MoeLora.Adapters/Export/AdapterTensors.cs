using MoeLora.Adapters.Experts;
using MoeLora.Adapters.Gates;
using MoeLora.Adapters.Import;

namespace MoeLora.Adapters.Export;

/// <summary>A tensor to be written.</summary>
/// <param name="Name">Its published name.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Columns">Columns.</param>
/// <param name="Values">[Rows, Columns] row-major.</param>
internal readonly record struct NamedMatrix(string Name, int Rows, int Columns, float[] Values);

/// <summary>An adapter's tensors under their published names, each once.</summary>
internal static class AdapterTensors
{
    /// <summary>The adapter as it is: every expert's own A and B, and the gates that are used.</summary>
    public static IEnumerable<NamedMatrix> Of(Adapter adapter)
    {
        AdapterKind kind = adapter.Kind;
        if (kind == AdapterKind.SharedGate)
        {
            foreach (NamedMatrix tensor in OfGate("", adapter.Gates[0], kind))
                yield return tensor;
        }

        int rank = adapter.Bank.ExpertRank;
        for (int i = 0; i < adapter.Bank.Modules.Count; i++)
        {
            AdaptedModule adapted = adapter.Bank.Modules[i];
            string module = adapted.Module.Name;
            for (int expert = 0; expert < adapter.Bank.ExpertCount; expert++)
            {
                yield return new NamedMatrix(TensorNames.Format(new TensorPlace(module, TensorRole.ExpertA, expert), kind), rank, adapted.Module.InFeatures, adapted.ExpertA(expert, rank).ToArray());
                yield return new NamedMatrix(TensorNames.Format(new TensorPlace(module, TensorRole.ExpertB, expert), kind), adapted.Module.OutFeatures, rank, adapted.ExpertB(expert, rank));
            }

            if (kind == AdapterKind.GatePerModule)
            {
                foreach (NamedMatrix tensor in OfGate(module, adapter.Gates[i], kind))
                    yield return tensor;
            }
        }
    }

    /// <summary>One task (or composed task) as a plain LoRA: the stacked A, and B with each expert's columns times its ω.</summary>
    public static IEnumerable<NamedMatrix> OfTask(Adapter adapter, AdapterTask[] tasks)
    {
        IReadOnlyList<GateWeights> weights = adapter.Weights(tasks);
        for (int i = 0; i < adapter.Bank.Modules.Count; i++)
        {
            AdaptedModule adapted = adapter.Bank.Modules[i];
            float[] omega = weights[weights.Count == 1 ? 0 : i].ToRow(adapter.Bank.ExpertRank, scaling: 1);
            float[] b = adapted.B.ToArray();
            for (int element = 0; element < b.Length; element++)
                b[element] *= omega[element % adapted.Rank];
            yield return new NamedMatrix(TensorNames.Format(new TensorPlace(adapted.Module.Name, TensorRole.ExpertA, 0), AdapterKind.Lora), adapted.Rank, adapted.Module.InFeatures, adapted.A.ToArray());
            yield return new NamedMatrix(TensorNames.Format(new TensorPlace(adapted.Module.Name, TensorRole.ExpertB, 0), AdapterKind.Lora), adapted.Module.OutFeatures, adapted.Rank, b);
        }
    }

    private static IEnumerable<NamedMatrix> OfGate(string module, TaskGate gate, AdapterKind kind)
    {
        yield return new NamedMatrix(TensorNames.Format(new TensorPlace(module, TensorRole.TaskEmbedding, 0), kind), gate.TaskCount + 1, gate.Dimension, gate.TaskEmbeddings.ToArray());
        yield return new NamedMatrix(TensorNames.Format(new TensorPlace(module, TensorRole.Gate, 0), kind), gate.ExpertCount, gate.Dimension, gate.Weight.ToArray());
    }
}
