namespace MoeLora.Torch.Tests;

/// <summary>Threads of libtorch in tests.</summary>
internal static class Threads
{
    /// <summary>Matrices of the packs are tiny: on busy cores a second thread is mostly waited for.</summary>
    public static TorchOptions One { get; } = new() { Threads = 1 };
}
