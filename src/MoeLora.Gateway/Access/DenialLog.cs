using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using MoeLora.Contracts.Auditing;
using MoeLora.Contracts.Tenants;

namespace MoeLora.Gateway.Access;

/// <summary>
/// Tells the audit trail who was turned away, without letting anybody fill it: the first denial of a subject (or network) in a minute
/// is written at once, the rest of the minute as one record with a count; beyond <see cref="MaxKeys"/> of them in a minute, all
/// others together as one.
/// </summary>
internal sealed partial class DenialLog : IAsyncDisposable
{
    /// <summary>Most subjects and networks that are told apart in a minute.</summary>
    public const int MaxKeys = 32;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    private readonly IAuditTrail? _trail;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Who, string Reason), int> _repeats = [];
    private readonly Dictionary<(string Who, string Reason), AuditEntry> _entries = [];
    private readonly Channel<AuditEntry> _queue = Channel.CreateBounded<AuditEntry>(4 * MaxKeys);
    private readonly ITimer _timer;
    private readonly Task _writing;
    private int _others;

    public DenialLog(GatewayParts parts, ILogger<DenialLog> logger)
    {
        _trail = parts.Audit;
        _logger = logger;
        _timer = parts.Time.CreateTimer(_ => CloseWindow(), null, Window, Window);
        _writing = WriteAsync();
    }

    /// <summary>Notes a denial. Never waits.</summary>
    /// <param name="caller">Who was proven; null for nobody.</param>
    /// <param name="address">Where the call came from.</param>
    /// <param name="reason">Why, in a word.</param>
    public void Record(Caller? caller, IPAddress? address, string reason)
    {
        if (_trail is null)
            return;
        (string, string) key = (caller?.Subject ?? NetworkOf(address), reason);
        lock (_lock)
        {
            if (_repeats.TryGetValue(key, out int repeats))
            {
                _repeats[key] = repeats + 1;
                return;
            }

            if (_repeats.Count == MaxKeys)
            {
                _others++;
                return;
            }

            var entry = new AuditEntry
            {
                Action = AuditAction.Access,
                Succeeded = false,
                Tenant = caller?.Tenant,
                Subject = caller?.Subject,
                Detail = reason,
                Target = NetworkOf(address),
            };
            _repeats[key] = 0;
            _entries[key] = entry;
            _queue.Writer.TryWrite(entry);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        CloseWindow();
        _queue.Writer.TryComplete();
        await _writing;
    }

    /// <summary>An address; of IPv6 the first half, because one caller usually has all of the second.</summary>
    private static string NetworkOf(IPAddress? address)
    {
        if (address is null)
            return "unknown";
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (address.AddressFamily != AddressFamily.InterNetworkV6 || IPAddress.IsLoopback(address))
            return address.ToString();
        byte[] bytes = address.GetAddressBytes();
        bytes.AsSpan(8).Clear();
        return $"{new IPAddress(bytes)}/64";
    }

    private void CloseWindow()
    {
        lock (_lock)
        {
            foreach (((string, string) key, int repeats) in _repeats)
            {
                if (repeats > 0)
                    _queue.Writer.TryWrite(_entries[key] with { Count = repeats });
            }

            if (_others > 0)
                _queue.Writer.TryWrite(new AuditEntry { Action = AuditAction.Access, Succeeded = false, Detail = "denied", Target = "others", Count = _others });
            _repeats.Clear();
            _entries.Clear();
            _others = 0;
        }
    }

    private async Task WriteAsync()
    {
        await foreach (AuditEntry entry in _queue.Reader.ReadAllAsync())
        {
            try
            {
                await _trail!.AppendAsync(entry);
            }
            catch (Exception exception)
            {
                // The call was turned away all the same; what is lost is its record.
                LogLost(exception.GetType().Name);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A denied call could not be written to the audit trail: {Failure}")]
    private partial void LogLost(string failure);
}
