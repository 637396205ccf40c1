using System.Diagnostics.CodeAnalysis;
using MoeLora.Gateway.Chat;
using MoeLora.Gateway.Completions;
using MoeLora.Gateway.Errors;
using MoeLora.Gateway.Parameters;

namespace MoeLora.Gateway.Answers;

/// <summary>One of the two ways to ask for an answer.</summary>
/// <param name="SpanName">What its spans are called.</param>
/// <param name="IdPrefix">How its answers' ids begin.</param>
/// <param name="TryRead">Reads a body.</param>
/// <param name="ShapeOf">Makes what shapes the answer of one call, from its id and the time in seconds.</param>
internal sealed record GenerationFormat(string SpanName, string IdPrefix, GenerationFormat.Reader TryRead, Func<string, long, GenerationCall, AnswerShape> ShapeOf)
{
    public delegate bool Reader(ReadOnlyMemory<byte> body, [NotNullWhen(true)] out GenerationCall? call, [NotNullWhen(false)] out ApiError? error);

    public static GenerationFormat Completion { get; } = new("completion", "cmpl-", CompletionReader.TryRead, static (id, created, call) => new CompletionShape(id, created, call));

    public static GenerationFormat Chat { get; } = new("chat", "chatcmpl-", ChatReader.TryRead, static (id, created, call) => new ChatShape(id, created, call));
}
