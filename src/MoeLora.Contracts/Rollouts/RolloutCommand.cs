namespace MoeLora.Contracts.Rollouts;

/// <summary>What an operator does with a bank.</summary>
/// <param name="Bank">The bank.</param>
public abstract record RolloutCommand(string Bank);

/// <summary>Loads and proves a version that is published, retired or failed, so that it is <see cref="RolloutState.Verified"/>.</summary>
public sealed record LoadVersion(string Bank, string Version) : RolloutCommand(Bank);

/// <summary>Makes a version answer the bank's new requests, loading it first if need be; the one before drains.</summary>
public sealed record ActivateVersion(string Bank, string Version) : RolloutCommand(Bank);

/// <summary>Makes a version answer some of the bank's new requests, loading it first if need be; a share of 0 and no tenants ends it.</summary>
public sealed record StartCanary(string Bank, string Version, CanaryRule Rule) : RolloutCommand(Bank);

/// <summary>Copies requests to a version and compares its answers with those that are given, loading it first if need be; a share of 0 ends it.</summary>
public sealed record StartShadow(string Bank, string Version, double Share) : RolloutCommand(Bank);

/// <summary>Makes the version that was active before answer the bank's new requests again, and ends a canary. A second one flips back.</summary>
public sealed record RollBack(string Bank) : RolloutCommand(Bank);

/// <summary>
/// Ends a version that is not active: no new requests from now on, and out of memory when those that it has are done. Done when it is
/// <see cref="RolloutState.Draining"/>, or <see cref="RolloutState.Retired"/> where nothing had loaded it.
/// </summary>
/// <param name="Bank">The bank.</param>
/// <param name="Version">The version.</param>
/// <param name="Deadline">After which its answers are ended with an error; null for the node's own; at most 24 hours.</param>
public sealed record RetireVersion(string Bank, string Version, TimeSpan? Deadline = null) : RolloutCommand(Bank);
