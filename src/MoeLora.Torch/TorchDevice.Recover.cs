using System.Runtime.InteropServices;
using MoeLora.Tensors;
using TorchSharp;

namespace MoeLora.Torch;

public sealed unsafe partial class TorchDevice
{
    /// <inheritdoc/>
    public override void Recover(TensorView w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination)
    {
        OperandChecks.Recover(w0.Rows, w0.Columns, delta, gate, destination);
        Recover(w0.Columns, (first, rows) => OnHost(w0.Slice(first, rows)).to(_device, copy: true).to_type(torch.ScalarType.Float32), delta, gate, Torch(destination));
    }

    /// <inheritdoc/>
    public override void Recover(Tensor w0, LowRankDelta delta, ReadOnlySpan<float> gate, Tensor destination)
    {
        OperandChecks.Recover(w0.Rows, w0.Columns, delta, gate, destination);
        TorchTensor published = Torch(w0);
        Recover(w0.Columns, (first, rows) => Copied(published, first, rows), delta, gate, Torch(destination));
    }

    /// <summary>W0 + (B ∘ gate) · A in F32, some rows at a time, stored once.</summary>
    private void Recover(int columns, Func<int, int, torch.Tensor> publishedRows, LowRankDelta delta, ReadOnlySpan<float> gate, TorchTensor destination)
    {
        int step = (int)Math.Clamp(StagingElements / columns, 1, destination.Rows);
        for (int first = 0; first < destination.Rows; first += step)
        {
            int rows = Math.Min(step, destination.Rows - first);
            try
            {
                using Operation operation = _operation.Begin();
                torch.Tensor host = _staging.Piece(torch.ScalarType.Float32, gate.Length);
                gate.CopyTo(HostStaging.Elements<float>(host));
                torch.Tensor b = Copied(Torch(delta.B), first, rows).mul_(HostStaging.Send(host, _device));
                torch.Tensor recovered = publishedRows(first, rows).addmm_(b, Wide(Torch(delta.A), 0, delta.Rank));
                Store(recovered, destination, first);
            }
            catch (ExternalException e) when (DeviceMemory.IsOut(e))
            {
                throw DeviceMemory.Error(Name, $"the recovery of {destination}", e);
            }
        }
    }

    /// <summary>Rows in F32, in memory of their own.</summary>
    private static torch.Tensor Copied(TorchTensor tensor, int first, int rows) => tensor.DType == DType.Q8
        ? Dequantised(tensor, first, rows)
        : tensor.Elements.narrow(0, first, rows).to_type(torch.ScalarType.Float32, copy: true);

    /// <summary>Rounds rows to the destination's format. Q8 goes by the host, whose code decides what its bits are.</summary>
    private void Store(torch.Tensor rows, TorchTensor destination, int first)
    {
        if (destination.DType != DType.Q8)
        {
            destination.Write(first, (int)rows.shape[0]).copy_(rows);
            return;
        }

        torch.Tensor host = rows.cpu().contiguous();
        fixed (byte* values = host.bytes)
            Encode(new TensorView(values, DType.F32, (int)rows.shape[0], destination.Columns), destination, first);
    }
}
