namespace MoeLora.Contracts.Auditing;

/// <summary>A form in which audit records leave the grid.</summary>
public interface IAuditFormat
{
    /// <summary>What callers name it, such as <c>fhir</c>.</summary>
    string Name { get; }

    /// <summary>The media type of what it writes.</summary>
    string ContentType { get; }

    /// <summary>Writes records as they come, without keeping them.</summary>
    /// <param name="records">In the order of the chain.</param>
    /// <param name="output">Where to; left open.</param>
    /// <param name="cancellation">Gives up.</param>
    Task WriteAsync(IAsyncEnumerable<AuditRecord> records, Stream output, CancellationToken cancellation = default);
}
