using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using MoeLora.Contracts;
using MoeLora.Grid.Messages;
using MoeLora.Grid.Requests;
using MoeLora.Grid.Tasks;

namespace MoeLora.Grid.Tests.Requests;

/// <summary>The replicas of a task, each of which does what a script says; asked in the order of the scripts.</summary>
internal sealed class ScriptedTask(params Func<RequestMessage, CancellationToken, IAsyncEnumerable<AnswerPart>>[] scripts) : IReplicas
{
    public static readonly Provenance Made = new()
    {
        BaseModelHash = "b",
        AdapterHash = "a",
        Bank = "clinic",
        Version = "7",
        Task = "triage",
        Mode = ServingMode.Shared,
        Device = "cpu",
        Seed = 5,
        WeightsFormat = "f32",
        Node = "one",
    };

    private int _open;

    /// <summary>What was asked, in turn.</summary>
    public ConcurrentQueue<RequestMessage> Asked { get; } = [];

    /// <summary>Calls that were not left.</summary>
    public int Open => Volatile.Read(ref _open);

    public TaskKey Choose(string bank, string task, int? avoid = null) => new(bank, task, Asked.Count);

    public IDisposable Begin(TaskKey replica)
    {
        Interlocked.Increment(ref _open);
        return new ReplicaLease(replica, _ => Interlocked.Decrement(ref _open));
    }

    public ITaskGrain Grain(TaskKey key) => new Replica(this, scripts[Math.Min(key.Replica, scripts.Length - 1)]);

    /// <summary>Begins and sends these tokens.</summary>
    public static IEnumerable<AnswerPart> Tokens(params int[] tokens) => [Started(Made), .. tokens.Select(token => new AnswerPart { Token = token })];

    public static AnswerPart Started(Provenance made) => AnswerPart.Of(new GenerationStarted(made, 1), "silo").Single();

    public static AnswerPart Finished { get; } = AnswerPart.Of(new GenerationFinished([FinishReason.Stop], new TokenUsage(1, 1), default, Made)).Single();

    public static AnswerPart Failed(GridErrorKind kind) => AnswerPart.Of(new GenerationFailed(new GridError(kind, $"It is {kind}."))).Single();

    public static AnswerPart Refused(GridErrorKind kind) => AnswerPart.Refused(new GridError(kind, $"It is {kind}."));

    /// <summary>Sends parts, and then whatever the end does.</summary>
    public static Func<RequestMessage, CancellationToken, IAsyncEnumerable<AnswerPart>> Says(IEnumerable<AnswerPart> parts, Func<CancellationToken, Task>? end = null) =>
        (_, cancellation) => SayAsync(parts, end, cancellation);

    public static Task Dies(CancellationToken cancellation) => Task.FromException(new SiloUnavailableException("Gone."));

    public static Task Hangs(CancellationToken cancellation) => Task.Delay(Timeout.Infinite, CancellationToken.None);

    private static async IAsyncEnumerable<AnswerPart> SayAsync(IEnumerable<AnswerPart> parts, Func<CancellationToken, Task>? end, [EnumeratorCancellation] CancellationToken cancellation)
    {
        foreach (AnswerPart part in parts)
            yield return part;
        if (end is not null)
            await end(cancellation);
    }

    private sealed class Replica(ScriptedTask task, Func<RequestMessage, CancellationToken, IAsyncEnumerable<AnswerPart>> script) : ITaskGrain
    {
        public IAsyncEnumerable<AnswerPart> GenerateAsync(RequestMessage request, CancellationToken cancellation = default)
        {
            task.Asked.Enqueue(request);
            return script(request, cancellation);
        }
    }
}
