using MoeLora.Contracts.Tenants;

namespace MoeLora.Contracts.Rollouts;

/// <summary>
/// The adapter versions of a grid: published, proven, exchanged under load. Whatever fails, the active version goes on answering.
/// Safe for any number of callers at once; commands on one bank take turns.
/// </summary>
public interface IRollouts
{
    /// <summary>Stores a bundle as a new version of the bank that its manifest names. The same bundle again changes nothing.</summary>
    /// <param name="bundle">A ZIP archive with exactly the bundle's plain files, streamed.</param>
    /// <param name="by">Who publishes.</param>
    /// <param name="cancellation">Gives up; nothing is kept then.</param>
    /// <returns>
    /// The version; or <see cref="GridErrorKind.InvalidRequest"/> (not a bundle, another hash than its manifest says, no base model of this grid),
    /// <see cref="GridErrorKind.Conflict"/> (another bundle has this name and version), <see cref="GridErrorKind.TooLarge"/>.
    /// </returns>
    ValueTask<GridResult<AdapterVersionStatus>> PublishAsync(Stream bundle, Caller by, CancellationToken cancellation = default);

    /// <summary>Carries out a command and returns when it is done: for an activation, when new requests get the version.</summary>
    /// <param name="command">What to do.</param>
    /// <param name="by">Who wants it.</param>
    /// <param name="cancellation">Gives up while a version loads; what was flipped stays flipped.</param>
    /// <returns>
    /// The version that the command is about, in its new state; or <see cref="GridErrorKind.NotFound"/>, <see cref="GridErrorKind.Conflict"/>
    /// (the state does not allow it; the message says which do), <see cref="GridErrorKind.InvalidRequest"/>.
    /// </returns>
    ValueTask<GridResult<AdapterVersionStatus>> ExecuteAsync(RolloutCommand command, Caller by, CancellationToken cancellation = default);

    /// <summary>All versions of all banks, by bank, newest first.</summary>
    ValueTask<GridResult<IReadOnlyList<AdapterVersionStatus>>> ListVersionsAsync(CancellationToken cancellation = default);

    /// <summary>What happened to a bank's versions, newest first.</summary>
    /// <param name="bank">The bank.</param>
    /// <param name="limit">Most changes; 1 to 1000.</param>
    /// <param name="cancellation">Gives up.</param>
    ValueTask<GridResult<IReadOnlyList<RolloutChange>>> HistoryAsync(string bank, int limit, CancellationToken cancellation = default);
}
