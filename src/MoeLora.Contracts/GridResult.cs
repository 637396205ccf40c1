using System.Diagnostics.CodeAnalysis;

namespace MoeLora.Contracts;

/// <summary>A value, or the reason why there is none.</summary>
/// <typeparam name="T">What there is on success.</typeparam>
public readonly struct GridResult<T>
    where T : class
{
    private readonly T? _value;
    private readonly GridError? _error;

    private GridResult(T? value, GridError? error)
    {
        _value = value;
        _error = error;
    }

    /// <summary>True with the value, false with the reason.</summary>
    /// <exception cref="InvalidOperationException">The result was never set.</exception>
    public bool TryGet([NotNullWhen(true)] out T? value, [NotNullWhen(false)] out GridError? error)
    {
        value = _value;
        error = _error;
        if (value is null && error is null)
            throw new InvalidOperationException("This result holds neither a value nor an error.");
        return value is not null;
    }

    /// <summary>A success. (A method, because C# has no conversion from an interface type.)</summary>
    public static GridResult<T> Success(T value) => new(value, null);

    /// <summary>A failure.</summary>
    public static implicit operator GridResult<T>(GridError error) => new(null, error);
}
