namespace MoeLora.Contracts;

/// <summary>Why a grid does not answer. An expected outcome, not a bug: those are exceptions.</summary>
/// <param name="Kind">What a program does about it.</param>
/// <param name="Message">What a person does about it: what is wrong and how to mend it. Holds nothing of a prompt or an answer.</param>
/// <param name="Param">The request's value that is wrong, in the spelling of the HTTP interface; null when none is.</param>
/// <param name="RetryAfter">When trying again may succeed; null when it will not, or nobody knows.</param>
public sealed record GridError(GridErrorKind Kind, string Message, string? Param = null, TimeSpan? RetryAfter = null);

/// <summary>The kinds of <see cref="GridError"/>.</summary>
public enum GridErrorKind
{
    /// <summary>The request cannot be served as it is.</summary>
    InvalidRequest,

    /// <summary>There is no such task or version that can answer.</summary>
    ModelNotFound,

    /// <summary>Nobody was proven: no key, or not a valid one.</summary>
    Unauthenticated,

    /// <summary>The caller may not do this.</summary>
    Forbidden,

    /// <summary>There is no such tenant, key, bank or version.</summary>
    NotFound,

    /// <summary>The present state does not allow it.</summary>
    Conflict,

    /// <summary>What was sent is larger than what is taken.</summary>
    TooLarge,

    /// <summary>A limit of the tenant is used up for now.</summary>
    RateLimited,

    /// <summary>Prompt and answer do not fit the model's context.</summary>
    ContextLengthExceeded,

    /// <summary>Too many requests wait already.</summary>
    QueueFull,

    /// <summary>Something that the grid needs, such as its database, cannot be reached now.</summary>
    Unavailable,

    /// <summary>The model is not loaded yet.</summary>
    NotReady,

    /// <summary>The grid is shutting down.</summary>
    Stopping,

    /// <summary>The grid failed: not the caller's doing.</summary>
    Internal,

    /// <summary>The version that answered was taken out of service, and its answers were ended at the deadline that was given for them. Another version may answer.</summary>
    Withdrawn,
}
