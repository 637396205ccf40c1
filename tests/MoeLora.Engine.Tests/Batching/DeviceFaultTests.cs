using MoeLora.Engine.Batching;
using MoeLora.Engine.Generation;
using MoeLora.Models;
using MoeLora.Models.Architectures;
using MoeLora.Models.Configs;
using MoeLora.Tensors;

namespace MoeLora.Engine.Tests.Batching;

/// <summary>What a device's failures are to requests: the end of some, or of all.</summary>
public sealed class DeviceFaultTests : IDisposable
{
    private static readonly int[] Prompt = [1, 17, 230, 5];

    private readonly FragileDevice _device = new();
    private readonly CausalModel _model;

    public DeviceFaultTests()
    {
        string directory = Path.Combine(Pack.DataDirectory, Pack.Llama);
        _model = ModelLoader.Load(directory, ModelConfigReader.Read(directory) with { EndTokenIds = [] }, _device, DType.F32); // answers are as long as they are asked to be
    }

    public void Dispose()
    {
        _model.Dispose();
        _device.Dispose();
    }

    [Fact]
    public void Pass_WithTooLittleMemory_EndsItsRequestAndTheEngineGoesOn()
    {
        using BatchEngine engine = Engine();
        (RecordedOutput before, _) = Ask(engine, 6);
        before.Wait();

        _device.LackMemory(passes: 1);
        (RecordedOutput failed, _) = Ask(engine, 6);
        Assert.IsType<OutOfMemoryException>(failed.Wait().Failure);

        (RecordedOutput after, _) = Ask(engine, 6);
        Assert.Null(after.Wait().Failure);
        Assert.Equal(before.Ids[0], after.Ids[0]);
        Assert.Null(engine.Fault);
    }

    [Fact]
    public void Pass_ThatFailsOnADeviceThatGoesOn_EndsItsRequestAlone()
    {
        using BatchEngine engine = Engine();
        _device.Fail(passes: 1);

        (RecordedOutput failed, _) = Ask(engine, 6);
        Assert.IsType<InvalidOperationException>(failed.Wait().Failure);

        (RecordedOutput after, SubmitResult submitted) = Ask(engine, 6);
        Assert.True(submitted.IsAccepted);
        Assert.Null(after.Wait().Failure);
    }

    [Fact]
    public async Task Device_Lost_EndsWhatRunsAndWhatWaitsAndTakesNoMore()
    {
        using BatchEngine engine = Engine(most: 1);
        (RecordedOutput running, _) = Ask(engine, 100, onToken: count =>
        {
            if (count == 3)
                _device.Lose();
        });
        (RecordedOutput waiting, _) = Ask(engine, 100);

        EngineResult[] results = [running.Wait(), waiting.Wait()];

        Assert.All(results, result => Assert.Equal("fragile:0 does not compute any more: unspecified launch failure", Assert.IsType<DeviceLostException>(result.Failure).Message));
        Assert.Equal(3, running.Ids[0].Count);
        Assert.Equal(_device.FindFault(), engine.Fault);
        (_, SubmitResult refused) = Ask(engine, 1);
        Assert.Equal((SubmitStatus.DeviceLost, engine.Fault), (refused.Status, refused.Problem));
        Assert.Equal(0, engine.Statistics.UsedBlocks);
        await engine.RunAsync(() => { }); // what frees memory still has a turn
        await engine.StopAsync();
    }

    [Fact]
    public async Task Device_LostInWorkBetweenSteps_IsNoticed()
    {
        using BatchEngine engine = Engine();
        _device.Lose();

        await Assert.ThrowsAsync<DeviceLostException>(() => engine.RunAsync(() => _device.Linear(null!, 0, [])));

        Assert.NotNull(engine.Fault);
    }

    private BatchEngine Engine(int most = 4) => new(_model, null, new EngineOptions { Blocks = 64, MaxSequences = most });

    private (RecordedOutput Output, SubmitResult Submitted) Ask(BatchEngine engine, int tokens, Action<int>? onToken = null)
    {
        var output = new RecordedOutput(onToken: onToken);
        SubmitResult submitted = engine.TrySubmit(
            new EngineRequest { Task = TaskModel.Own(_model), Prompt = Prompt, Settings = new GenerationSettings { MaxTokens = tokens } }, output);
        return (output, submitted);
    }
}
