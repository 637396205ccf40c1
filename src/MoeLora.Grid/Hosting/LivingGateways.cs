using Orleans.Messaging;

namespace MoeLora.Grid.Hosting;

/// <summary>
/// Where a client reaches the cluster: what another list says now and then, without the gateways of silos that the client's board knows to be gone. So its connections
/// to one that stands still are closed soon after it is declared dead; nothing else closes them. Safe for any number of callers.
/// </summary>
internal sealed class LivingGateways(IGatewayListProvider inner, TimeProvider time) : IGatewayListProvider
{
    /// <summary>How often Orleans should ask this list: it costs nothing.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan InnerPeriod = TimeSpan.FromSeconds(5);

    private IList<Uri> _all = [];
    private long? _read;
    private volatile IReadOnlySet<string> _gone = new HashSet<string>(StringComparer.Ordinal);

    public TimeSpan MaxStaleness => InnerPeriod;

    [Obsolete("Part of the interface; Orleans asks it no more.")]
    public bool IsUpdatable => true;

    /// <summary>Leaves out these gateways, named as <c>address:port</c>, and no others.</summary>
    /// <returns>Whether any of them was not left out before.</returns>
    public bool LeaveOut(IReadOnlySet<string> gone)
    {
        bool isNew = !gone.IsSubsetOf(_gone);
        _gone = gone;
        return isNew;
    }

    public Task InitializeGatewayListProvider() => inner.InitializeGatewayListProvider();

    public async Task<IList<Uri>> GetGateways()
    {
        if (_all.Count == 0 || _read is not { } read || time.GetElapsedTime(read) >= InnerPeriod)
        {
            _all = await inner.GetGateways();
            _read = time.GetTimestamp();
        }

        Uri[] living = [.. _all.Where(gateway => !_gone.Contains($"{gateway.Host}:{gateway.Port}"))];
        return living.Length > 0 ? living : _all;
    }
}
