using System.Globalization;
using MoeLora.Tensors.Cpu;

namespace MoeLora.Tensors;

/// <summary>What a device is opened with.</summary>
/// <param name="Index">Which one of its kind: 1 in <c>cuda:1</c>, 0 where the name says none.</param>
/// <param name="Threads">Threads that compute; null is as many as the kind takes by itself.</param>
public readonly record struct DeviceRequest(int Index, int? Threads);

/// <summary>
/// The kinds of devices that this process can open, by the names that configurations use: <c>cpu</c> everywhere. A program that brings other kinds
/// adds them before it opens anything. Safe for many threads.
/// </summary>
public static class DeviceKinds
{
    /// <summary>The process's own cores.</summary>
    public const string Cpu = "cpu";

    private static readonly Lock Gate = new();
    private static volatile IReadOnlyDictionary<string, Func<DeviceRequest, Device>> _kinds =
        new Dictionary<string, Func<DeviceRequest, Device>> { [Cpu] = request => new CpuDevice(request.Threads) };

    /// <summary>Adds a kind, or puts it in the place of the one of that name.</summary>
    /// <param name="kind">Its name, without a colon.</param>
    /// <param name="open">Opens one of the kind; throws an <see cref="IOException"/> that says why when there is none to open.</param>
    public static void Add(string kind, Func<DeviceRequest, Device> open)
    {
        if (kind.Length == 0 || kind.Contains(':'))
            throw new ArgumentException($"'{kind}' is no name of a kind of device: one or more letters without a colon.", nameof(kind));
        lock (Gate)
            _kinds = new Dictionary<string, Func<DeviceRequest, Device>>(_kinds) { [kind] = open };
    }

    /// <summary>What is wrong with a device's name, the end of a sentence; null when its kind is known.</summary>
    /// <param name="device">Such as <c>cpu</c> or <c>cuda:1</c>.</param>
    public static string? FindProblem(string device)
    {
        if (!TryParse(device, out string kind, out _))
            return $"'{device}' is no device: give a kind, or a kind and a number such as cuda:1";
        return _kinds.ContainsKey(kind) ? null : $"'{device}' is none of the devices that this program has: {string.Join(", ", _kinds.Keys.Order(StringComparer.Ordinal))}";
    }

    /// <summary>The kind in a device's name: <c>cuda</c> of <c>cuda:1</c>.</summary>
    public static string KindOf(string device) => device.Split(':')[0];

    /// <summary>Opens a device.</summary>
    /// <param name="device">Its name: one that <see cref="FindProblem"/> has nothing against.</param>
    /// <param name="threads">Threads that compute; null is as many as the kind takes by itself.</param>
    /// <exception cref="ArgumentException">There is no such kind.</exception>
    /// <exception cref="IOException">There is no such device, or it cannot be used.</exception>
    public static Device Open(string device, int? threads = null)
    {
        if (FindProblem(device) is { } problem)
            throw new ArgumentException($"{problem}.", nameof(device));
        TryParse(device, out string kind, out int index);
        return _kinds[kind](new DeviceRequest(index, threads));
    }

    private static bool TryParse(string device, out string kind, out int index)
    {
        int colon = device.IndexOf(':', StringComparison.Ordinal);
        kind = colon < 0 ? device : device[..colon];
        index = 0;
        return kind.Length > 0 && (colon < 0 || int.TryParse(device.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out index));
    }
}
