using MoeLora.Contracts;

namespace MoeLora.Gateway.Http;

/// <summary>The contracts' enumerations as the interface spells them.</summary>
internal static class Wire
{
    public static string Name(ServingMode mode) => mode switch
    {
        ServingMode.Base => "base",
        ServingMode.Merged => "merged",
        ServingMode.Shared => "shared",
        _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "Unknown mode."),
    };

    public static string Name(FinishReason reason) => reason switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        _ => throw new ArgumentOutOfRangeException(nameof(reason), reason, "Unknown reason."),
    };
}
