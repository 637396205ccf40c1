using System.Diagnostics;
using MoeLora.Contracts;
using MoeLora.Engine.Batching;

namespace MoeLora.Serving.Requests;

/// <summary>
/// What an engine did for a request, as spans below whatever asked for it: <c>engine</c>, and within it <c>queue</c>, <c>prefill</c> and <c>decode</c>. They are made
/// when it has ended, from the engine's own times, so that the model's thread does nothing for them.
/// </summary>
internal sealed class EngineSpan
{
    private static readonly ActivitySource Source = new(Telemetry.ActivitySource);

    private readonly ActivityContext _parent = Activity.Current?.Context ?? default;
    private readonly DateTime _began = DateTime.UtcNow;

    private EngineSpan()
    {
    }

    /// <summary>The request goes to the engine now. Null when nobody listens.</summary>
    public static EngineSpan? Begin() => Source.HasListeners() ? new EngineSpan() : null;

    /// <summary>The engine is done with it.</summary>
    /// <param name="made">What made the answers.</param>
    /// <param name="end">How it went.</param>
    public void End(Provenance made, AnswerEnd end)
    {
        EngineResult result = end.Result;
        using Activity? engine = Start("engine", _parent, _began);
        if (engine is null)
            return;
        engine.SetTag(Telemetry.BankTag, made.Bank);
        engine.SetTag(Telemetry.TaskTag, made.Task);
        engine.SetTag(Telemetry.VersionTag, made.Version);
        engine.SetTag(Telemetry.DeviceTag, made.Device);
        engine.SetTag("node", made.Node);
        engine.SetTag("prompt_tokens", result.PromptTokens);
        engine.SetTag("completion_tokens", result.CompletionTokens);
        if (end.Last is not GenerationFinished)
            engine.SetStatus(ActivityStatusCode.Error);
        DateTime at = _began;
        Part("queue", result.Queued);
        Part("prefill", result.Prefill);
        Part("decode", result.Decode);
        engine.SetEndTime(at);

        void Part(string name, TimeSpan length)
        {
            DateTime began = at;
            at += length;
            if (length == TimeSpan.Zero)
                return; // it did not come to that
            using Activity? part = Start(name, engine.Context, began);
            part?.SetEndTime(at);
        }
    }

    private static Activity? Start(string name, ActivityContext parent, DateTime began) => Source.StartActivity(name, ActivityKind.Internal, parent, startTime: began);
}
