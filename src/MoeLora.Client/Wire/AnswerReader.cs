using System.Text.Json;
using MoeLora.Contracts;

namespace MoeLora.Client.Wire;

/// <summary>Turns the events of one stream back into the grid's.</summary>
internal sealed class AnswerReader
{
    /// <summary>What a connection that ends too early means.</summary>
    public static readonly GridError BrokeOff = new(GridErrorKind.Unavailable, "The connection to the gateway broke off.");

    private readonly SortedDictionary<int, FinishReason> _reasons = [];

    /// <summary>Reads an event's data.</summary>
    /// <exception cref="JsonException">It is none of the gateway's.</exception>
    public IReadOnlyList<GenerationEvent> Read(string data)
    {
        if (data == "[DONE]")
            throw new JsonException("The answer ended without its usage.");
        WireEvent received = JsonSerializer.Deserialize(data, ClientJson.Default.WireEvent) ?? throw new JsonException();
        if (received.Error is { } error)
            return [new GenerationFailed(ErrorReader.ToError(error, null, null))];

        var events = new List<GenerationEvent>();
        foreach (WireChoice choice in received.Choices ?? [])
        {
            TokenLogProbs[] logProbs = [.. (choice.Logprobs?.Content ?? []).Select(token => token.ToLogProbs())];
            string text = choice.Text ?? choice.Delta?.Content ?? "";
            if (text.Length > 0 || choice.TokenIds is { Count: > 0 } || logProbs.Length > 0)
                events.Add(new TokenChunk(text, choice.TokenIds ?? [], choice.Index) { LogProbs = logProbs });
            if (choice.FinishReason is { } reason)
                _reasons[choice.Index] = reason switch
                {
                    "stop" => FinishReason.Stop,
                    "length" => FinishReason.Length,
                    _ => throw new JsonException(),
                };
        }

        // The usage was asked for, so it is in the last event, with the rest of what is known at the end.
        if (received.Usage is { } usage && received.Provenance is { } provenance)
        {
            events.Add(new GenerationFinished(
                [.. _reasons.Values], usage.ToUsage(), received.Timings?.ToTimings() ?? default, provenance.ToProvenance()));
        }

        return events;
    }
}
