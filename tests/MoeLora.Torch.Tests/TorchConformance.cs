using System.Reflection;
using MoeLora.Tensors.Tests.Conformance;
using Xunit.Sdk;

namespace MoeLora.Torch.Tests;

/// <summary>Everything that a device must do, on libtorch's processor.</summary>
public sealed class TorchCpuConformance() : DeviceConformance(TorchDevice.OpenCpu(Threads.One));

/// <summary>The same on a GPU, where there is one.</summary>
public sealed class TorchCudaConformance
{
    [CudaFact]
    public void Conformance_OnCuda_HoldsInFull()
    {
        var failures = new List<string>();
        foreach (MethodInfo test in typeof(DeviceConformance).GetMethods().Where(method => method.GetCustomAttributes<FactAttribute>().Any()))
        {
            IEnumerable<object?[]> cases = test.GetCustomAttribute<TheoryAttribute>() is null
                ? [[]]
                : test.GetCustomAttributes<DataAttribute>().SelectMany(data => data.GetData(test));
            foreach (object?[] arguments in cases)
            {
                using var conformance = new OnCuda();
                try
                {
                    test.Invoke(conformance, arguments);
                }
                catch (TargetInvocationException e)
                {
                    failures.Add($"{test.Name}({string.Join(", ", arguments)}): {e.InnerException!.Message}");
                }
            }
        }

        Assert.Empty(failures);
    }

    /// <summary>Products in F32: those in 16 bits are exact to 16 bits only, see <see cref="HalfProductTests"/>.</summary>
    private sealed class OnCuda() : DeviceConformance(TorchDevice.OpenCuda(0, new TorchOptions { HalfProducts = false }));
}
