using MoeLora.Grid.Messages;

namespace MoeLora.Grid.Silos;

/// <summary>What a silo can say of the banks that it follows; asked about twice a second, from any thread, so it answers from memory.</summary>
internal interface IBankReports
{
    /// <summary>One for each bank that the silo follows or cannot follow, with the reason why not.</summary>
    IEnumerable<BankReport> Reports { get; }
}
