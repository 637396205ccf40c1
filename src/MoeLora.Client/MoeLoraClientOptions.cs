namespace MoeLora.Client;

/// <summary>How to reach a gateway.</summary>
public sealed class MoeLoraClientOptions
{
    /// <summary>The gateway's address, such as <c>https://moelora.hospital.example:8443</c>. Needed where the caller gives no <see cref="HttpClient"/>.</summary>
    public Uri? Address { get; set; }

    /// <summary>The key or token that is sent with each request; null sends none.</summary>
    public string? ApiKey { get; set; }

    /// <summary>The task that a chat client asks when its options name none.</summary>
    public string? Model { get; set; }
}
