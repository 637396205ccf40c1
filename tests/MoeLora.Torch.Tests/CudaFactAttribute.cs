namespace MoeLora.Torch.Tests;

/// <summary>A test that needs a GPU, and says so where there is none.</summary>
public sealed class CudaFactAttribute : FactAttribute
{
    public CudaFactAttribute()
    {
        if (TorchDevice.CudaDevices() == 0)
            Skip = "CUDA shows no GPU, or this was built without -p:Cuda=true.";
    }
}
