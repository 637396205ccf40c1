using System.Collections.Concurrent;
using MoeLora.Grid.Banks;
using Orleans.Serialization;

namespace MoeLora.Grid.Tests.Banks;

/// <summary>What the silos of a test sent each other by calls of the grid's grains, by <c>interface.method</c>.</summary>
internal sealed class SentBytes
{
    public ConcurrentDictionary<string, (long Calls, long Bytes)> Calls { get; } = [];

    public void Clear() => Calls.Clear();

    public void Add(string call, long bytes) => Calls.AddOrUpdate(call, (1, bytes), (_, sum) => (sum.Calls + 1, sum.Bytes + bytes));
}

/// <summary>Counts them, with what they return.</summary>
internal sealed class CountedCalls(SentBytes sent, Serializer serializer) : IOutgoingGrainCallFilter
{
    public async Task Invoke(IOutgoingGrainCallContext context)
    {
        await context.Invoke();
        if (context.InterfaceMethod.DeclaringType is not { } type || type.Assembly != typeof(IGateGrain).Assembly)
            return;
        long bytes = Enumerable.Range(0, context.Request.GetArgumentCount()).Select(context.Request.GetArgument).Append(context.Result)
            .Sum(each => each is null or CancellationToken ? 0L : serializer.SerializeToArray(each).Length);
        sent.Add($"{type.Name}.{context.InterfaceMethod.Name}", bytes);
    }
}
