namespace MoeLora.Engine.Sampling;

/// <summary>A token and the natural logarithm of its probability.</summary>
/// <param name="Token">The token.</param>
/// <param name="LogProbability">At most 0; −∞ where the model rules the token out.</param>
public readonly record struct TokenLogProbability(int Token, double LogProbability);
