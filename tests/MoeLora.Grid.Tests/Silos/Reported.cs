using MoeLora.Contracts;
using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Tests.Silos;

/// <summary>Reports of silos that exist only here.</summary>
internal static class Reported
{
    public const long Mega = 1L << 20, Giga = 1L << 30;

    public static readonly string BaseA = new('a', 64), BaseB = new('b', 64);

    /// <summary>A silo with 8 GiB, half of them free, that has base model a and holds the bank <c>clinic</c>.</summary>
    public static SiloReport Silo(string name, long number = 1) => new()
    {
        Silo = name,
        Node = $"node-{name}",
        Number = number,
        Phase = GridPhase.Ready,
        DeviceKind = "cpu",
        MemoryBytes = 8 * Giga,
        FreeBytes = 4 * Giga,
        Bases = [new BaseReport(BaseA, "tiny", "cpu", 0, 0)],
        Banks = [Bank("clinic")],
        Tasks = [],
    };

    public static BankReport Bank(string name, string? problem = null, bool loaded = true, string? baseModel = null) => new()
    {
        Bank = name,
        BaseModelHash = baseModel ?? BaseA,
        Revision = 1,
        Active = loaded ? "1" : null,
        Loaded = loaded ? ["1"] : [],
        Tasks = new() { [0] = "triage" },
        Problem = problem,
    };

    public static SiloReport Busy(this SiloReport report, int running) => report with { Bases = [.. report.Bases.Select(each => each with { Running = running })] };

    public static SiloReport With(this SiloReport report, params (string Key, int Depth)[] tasks) =>
        report with { Tasks = [.. tasks.Select(task => new TaskReport(task.Key, task.Depth))], TaskCount = tasks.Length };
}
