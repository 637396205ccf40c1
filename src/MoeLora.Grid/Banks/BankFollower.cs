using MoeLora.Grid.Messages;
using MoeLora.Grid.Silos;

namespace MoeLora.Grid.Banks;

/// <summary>Brings a silo's node to the state of the banks that its gates decide.</summary>
internal sealed class BankFollower(ISiloNode node)
{
    /// <summary>Whether the silo follows a bank.</summary>
    public bool Follows(string bank) => throw new NotImplementedException(bank);

    public Task<FollowReply> FollowAsync(BankMessage bank) => throw new NotImplementedException($"{node.Name}: {bank.Bank}");
}
