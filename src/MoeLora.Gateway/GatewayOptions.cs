namespace MoeLora.Gateway;

/// <summary>What an operator may set.</summary>
public sealed class GatewayOptions
{
    /// <summary>Largest request body in bytes, with or without a declared length. At least 1; 1 MiB by default.</summary>
    public long MaxRequestBodyBytes { get; set; } = 1 << 20;

    /// <summary>Most connections at once; further ones are closed unanswered. At least 1; 1000 by default.</summary>
    public long MaxConnections { get; set; } = 1000;
}
