namespace MoeLora.Torch.Tests;

/// <summary>Threads of libtorch in tests.</summary>
internal static class Threads
{
    /// <summary>Matrices of tests are small. Threads of libtorch wait for each other in loops: on busy cores a second one makes the tests many times as slow.</summary>
    public static TorchOptions One { get; } = new() { Threads = 1 };
}
