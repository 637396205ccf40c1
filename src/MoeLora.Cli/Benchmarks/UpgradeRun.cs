using System.Diagnostics;
using MoeLora.Adapters;
using MoeLora.Adapters.Experts;
using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;
using MoeLora.Serving.Bases;
using MoeLora.Tensors;

namespace MoeLora.Cli.Benchmarks;

/// <summary>How an upgrade went. Times are seconds.</summary>
/// <param name="GapBefore">The longest gap between two tokens of an answer before it.</param>
/// <param name="Gap">The same during it.</param>
/// <param name="Seconds">From its begin until the old version is freed, less the time that the old answers needed to end.</param>
internal sealed record UpgradeTimes(double GapBefore, double Gap, double Seconds);

/// <summary>
/// A new version of an adapter next to the running one, on an engine with as many answers as it takes, in the way of a node: its bank goes to the device between the steps, each
/// task answers a prompt of it, new requests get it, and the old one is freed when its last answer has ended.
/// </summary>
internal sealed class UpgradeRun(BenchSettings settings, BenchModel model, Device device, CancellationToken cancellation)
{
    private const int BlockPositions = KvPool.DefaultBlockPositions;
    private const int PromptTokens = 32;
    private const int Seed = 20260104;

    // Long enough to run beside the whole upgrade, and no longer: the memory for their keys and values is taken at once.
    private const int MostTokens = 256;

    /// <summary>Runs the load and the upgrade.</summary>
    public async Task<UpgradeTimes> RunAsync()
    {
        int[] prompt = model.Prompt(PromptTokens);
        int tokens = Math.Min(MostTokens, settings.Config.MaxPositions - prompt.Length);
        IReadOnlyList<TaskModel> old = model.Lanes(Contracts.ServingMode.Shared, settings.Batch);
        int sequences = settings.Batch + settings.Tasks;
        using var engine = new BatchEngine(model.Base, null, new EngineOptions
        {
            MaxSequences = sequences * 8 / 7 + 1, // an eighth is for other tenants
            QueueLength = sequences,
            TenantQueueLength = sequences,
            BlockPositions = BlockPositions,
            Blocks = sequences * ((prompt.Length + tokens) / BlockPositions + 2) * 8 / 7 + 1,
            OnStart = device.PinThread,
        });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var load = old.Select((task, i) => Submit(engine, task, prompt, tokens, $"{i}", stop.Token)).ToArray();
        await Task.WhenAll(load.Select(answer => answer.Begun(settings.Generate)));

        long start = Stopwatch.GetTimestamp();
        var slices = new DeviceSlices(engine, TimeProvider.System);
        Adapter next = RandomAdapter.Create(model.Base, settings.Tasks, settings.Rank, settings.Experts, Seed);
        long made = Stopwatch.GetTimestamp(); // random numbers are no part of it
        DeviceBank bank = await slices.RunAsync(turn => next.ToDeviceAsync(model.Base, turn, cancellation));
        try
        {
            TaskModel[] tasks = [.. next.Tasks.Select(task => TaskModel.Shared(model.Base, bank.Deltas, next.GateRows(task)))];
            var tried = tasks.Select((task, i) => Submit(engine, task, prompt, 1, $"new {i}", stop.Token)).ToArray();
            await Task.WhenAll(tried.Select(answer => answer.Ended));
            var fresh = tasks.Select((task, i) => Submit(engine, task, prompt, settings.Generate, $"new {i}", stop.Token)).ToArray();
            await Task.WhenAll(fresh.Select(answer => answer.Begun(1)));
            long end = Stopwatch.GetTimestamp();
            await Task.WhenAll(load.Select(answer => answer.Seen(end)));
            await stop.CancelAsync();
            await Task.WhenAll([.. load.Select(answer => answer.Ended), .. fresh.Select(answer => answer.Ended)]);
            long freeing = Stopwatch.GetTimestamp();
            await engine.RunAsync(bank.Dispose);
            return new UpgradeTimes(
                load.Max(answer => answer.LongestGap(0, start)), load.Max(answer => answer.LongestGap(made, end)), Stopwatch.GetElapsedTime(made, end).TotalSeconds + Stopwatch.GetElapsedTime(freeing).TotalSeconds);
        }
        finally
        {
            bank.Dispose();
        }
    }

    private static TimedAnswer Submit(BatchEngine engine, TaskModel task, int[] prompt, int tokens, string tenant, CancellationToken cancellation)
    {
        var answer = new TimedAnswer();
        var request = new EngineRequest { Task = task, Prompt = prompt, Settings = new GenerationSettings { MaxTokens = tokens }, Tenant = tenant };
        SubmitResult submitted = engine.TrySubmit(request, answer, cancellation);
        return submitted.IsAccepted ? answer : throw new CommandException(submitted.Problem!);
    }
}
