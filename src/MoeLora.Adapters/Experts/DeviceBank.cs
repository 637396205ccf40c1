using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Adapters.Experts;

/// <summary>An <see cref="ExpertBank"/> on a device. It owns the tensors of <see cref="Deltas"/>.</summary>
public sealed class DeviceBank : IDisposable
{
    private readonly List<Tensor> _tensors = [];

    internal DeviceBank(ExpertBank bank, CausalModel model, bool gatePerModule, DType format)
    {
        Format = format;
        var byModule = new LowRankDelta?[model.LinearModules.Count];
        int[] slots = new int[byModule.Length];
        try
        {
            for (int i = 0; i < bank.Modules.Count; i++)
            {
                AdaptedModule adapted = bank.Modules[i];
                byModule[adapted.Module.Index] = Upload(adapted, model.Device, format, _tensors);
                slots[adapted.Module.Index] = gatePerModule ? i : 0;
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        Deltas = new DeltaSet(byModule, slots, gatePerModule ? bank.Modules.Count : 1, bank.Rank);
    }

    /// <summary>What a model needs to serve the bank in shared form. Valid until this is disposed.</summary>
    public DeltaSet Deltas { get; }

    /// <summary>How A and B are kept.</summary>
    public DType Format { get; }

    /// <summary>Bytes held on the device.</summary>
    public long ResidentBytes => _tensors.Sum(t => t.ResidentBytes);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor tensor in _tensors)
            tensor.Dispose();
        _tensors.Clear();
    }

    /// <summary>Copies A and B of one module; the tensors are added to <paramref name="owner"/> as soon as they exist.</summary>
    internal static LowRankDelta Upload(AdaptedModule adapted, Device device, DType format, List<Tensor> owner)
    {
        Tensor a = Upload(adapted.A, adapted.Rank, adapted.Module.InFeatures, device, format, owner);
        Tensor b = Upload(adapted.B, adapted.Module.OutFeatures, adapted.Rank, device, format, owner);
        return new LowRankDelta(a, b);
    }

    private static unsafe Tensor Upload(ReadOnlySpan<float> values, int rows, int columns, Device device, DType format, List<Tensor> owner)
    {
        Tensor tensor = device.Allocate(format, rows, columns);
        owner.Add(tensor);
        fixed (float* data = values)
            device.Upload(new TensorView(data, DType.F32, rows, columns), tensor);
        return tensor;
    }
}
