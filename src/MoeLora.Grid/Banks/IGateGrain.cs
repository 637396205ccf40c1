using MoeLora.Grid.Messages;
using Orleans.Concurrency;

namespace MoeLora.Grid.Banks;

/// <summary>
/// The gate of a bank; its key is the bank's name. It alone decides which versions there are and which answers: its state is written with the storage's ETag, so
/// that of two activations, which a split network can make, only one can change anything.
/// </summary>
[Alias("moelora.IGateGrain")]
public interface IGateGrain : IGrainWithStringKey
{
    /// <summary>The bank as it is now.</summary>
    [Alias("Describe"), AlwaysInterleave]
    Task<BankMessage> DescribeAsync();

    /// <summary>The bank as it is now, as a silo must follow it, without tasks.</summary>
    /// <param name="revision">What the silo follows.</param>
    /// <returns>The bank; null where the silo follows it already.</returns>
    [Alias("FindNewer"), AlwaysInterleave]
    Task<BankMessage?> FindNewerAsync(long revision);

    /// <summary>Makes a bundle that a silo holds a version. The same bundle again changes nothing.</summary>
    /// <param name="bundle">The bundle.</param>
    /// <param name="holder">The silo that holds it, as <see cref="Silos.ISiloGrain"/>'s key.</param>
    /// <param name="by">Who publishes.</param>
    [Alias("Publish"), ResponseTimeout("01:00:00")]
    Task<CommandReply> PublishAsync(BundleMessage bundle, string holder, string by);

    /// <summary>Carries out a command: every silo that has the base model loads and proves what it needs, and only then the alias flips.</summary>
    /// <param name="command">What to do.</param>
    /// <param name="by">Who wants it.</param>
    [Alias("Execute"), ResponseTimeout("01:00:00")]
    Task<CommandReply> ExecuteAsync(CommandMessage command, string by);

    /// <summary>What happened, newest first.</summary>
    /// <param name="limit">Most lines.</param>
    [Alias("History"), AlwaysInterleave]
    Task<ChangeMessage[]> HistoryAsync(int limit);
}
