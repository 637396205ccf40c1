using System.Runtime.InteropServices;
using MoeLora.Tensors;
using TorchSharp;

namespace MoeLora.Torch;

public sealed partial class TorchDevice
{
    /// <inheritdoc/>
    public override void LinearBackwardInput(Tensor outputGradient, Tensor weight, Tensor inputGradient, int rows)
    {
        OperandChecks.LinearBackwardInput(outputGradient, weight, inputGradient, rows);
        if (rows == 0)
            return;
        TorchTensor w = Torch(weight);
        try
        {
            using Operation _ = _operation.Begin();
            torch.Tensor upper = Torch(outputGradient).Read(rows), gradient = Torch(inputGradient).Write(rows);
            if (_halfProducts && w.DType is DType.F16 or DType.BF16)
            {
                gradient.Increase(upper.to_type(w.Elements.dtype).mm(w.Elements));
                return;
            }

            int step = w.DType == DType.F32 ? w.Rows : (int)Math.Clamp(WidenedElements / w.Columns, 1, w.Rows);
            for (int first = 0; first < w.Rows; first += step)
            {
                int outputs = Math.Min(step, w.Rows - first);
                gradient.addmm_(upper.narrow(1, first, outputs), Wide(w, first, outputs));
            }
        }
        catch (ExternalException e) when (DeviceMemory.IsOut(e))
        {
            throw DeviceMemory.Error(Name, $"a gradient of {rows} rows", e);
        }
    }

    /// <inheritdoc/>
    public override void LinearBackwardWeight(Tensor outputGradient, Tensor input, Tensor weightGradient, int rows)
    {
        OperandChecks.LinearBackwardWeight(outputGradient, input, weightGradient, rows);
        if (rows == 0)
            return;
        using Operation _ = _operation.Begin();
        Torch(weightGradient).Write(weightGradient.Rows).addmm_(Torch(outputGradient).Read(rows).t(), Torch(input).Read(rows));
    }

    /// <inheritdoc/>
    public override void SumRows(Tensor source, Tensor destination, int rows)
    {
        OperandChecks.SumRows(source, destination, rows);
        if (rows == 0)
            return;
        using Operation _ = _operation.Begin();
        Torch(destination).Write(1).Increase(Torch(source).Read(rows).sum(0, keepdim: true));
    }
}
