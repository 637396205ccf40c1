using MoeLora.Models;
using MoeLora.Tensors;

namespace MoeLora.Adapters.Experts;

/// <summary>An <see cref="ExpertBank"/> on a device. It owns the tensors of <see cref="Deltas"/>.</summary>
public sealed class DeviceBank : IDisposable
{
    private readonly List<Tensor> _tensors = [];

    private DeviceBank(DType format) => Format = format;

    internal static async Task<DeviceBank> UploadAsync(ExpertBank bank, CausalModel model, bool gatePerModule, DType format, DeviceTurn turn, CancellationToken cancellation)
    {
        var uploaded = new DeviceBank(format);
        var byModule = new LowRankDelta?[model.LinearModules.Count];
        int[] slots = new int[byModule.Length];
        try
        {
            for (int i = 0; i < bank.Modules.Count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                AdaptedModule adapted = bank.Modules[i];
                await turn(() => byModule[adapted.Module.Index] = Upload(adapted, model.Device, format, uploaded._tensors));
                slots[adapted.Module.Index] = gatePerModule ? i : 0;
            }
        }
        catch
        {
            uploaded.Dispose();
            throw;
        }

        uploaded.Deltas = new DeltaSet(byModule, slots, gatePerModule ? bank.Modules.Count : 1, bank.Rank);
        return uploaded;
    }

    /// <summary>What a model needs to serve the bank in shared form. Valid until this is disposed.</summary>
    public DeltaSet Deltas { get; private set; } = null!; // set before anybody else sees the bank

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
